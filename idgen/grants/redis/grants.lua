-- Grants of worker_ids: one call, one decision.  All is judged before anything is written.
--
-- KEYS[1]   the pin: layout and epoch, which all that is granted here shares
-- KEYS[2..] a hash for each worker_id in question: token, floor, ceiling, run_id, holder
-- ARGV      operation, the caller's wall clock (Unix ms), pin, grant_ms, quarantine_ms,
--           max_skew_ms, oldest version of Redis that will do, token, and then
--             acquire   the holder, in words
--             extend    the successor of the token
--             release   the successor, and the last Unix ms that was used, or -1
--             free      nothing: an operator ends the grant of this token
--
-- The answer is the outcome, the time of this Redis, and what belongs to the outcome.

local operation, caller_ms, pin = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local grant_ms, quarantine_ms = tonumber(ARGV[4]), tonumber(ARGV[5])
local max_skew_ms, oldest_version = tonumber(ARGV[6]), ARGV[7]
local token, named = ARGV[8], ARGV[9]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local server = redis.call('INFO', 'server')
local run_id = string.match(server, 'run_id:(%w+)')
local version = string.match(server, 'redis_version:(%d+%.%d+)') or '0.0'

-- Unix ms in digits, and in as many as a double holds; Lua's own tonumber takes nan and 0x10.
local function number(field)
    return field and #field <= 15 and string.match(field, '^%d+$') and tonumber(field)
end

local function read(key)
    local fields = redis.pcall('HMGET', key, 'token', 'floor', 'ceiling', 'run_id', 'holder')
    if fields.err then
        if not string.find(fields.err, 'WRONGTYPE', 1, true) then
            redis.call('HMGET', key, 'token')  -- says the same to the caller
        end
        return {key = key, broken = fields.err}
    end
    local absent = not (fields[1] or fields[2] or fields[3] or fields[4])
    local record = {
        key = key,
        token = fields[1],
        floor = absent and -1 or number(fields[2]),
        ceiling = absent and -1 or number(fields[3]),
        current = fields[4] == run_id,
        holder = fields[5] or ''
    }
    if not (record.floor and record.ceiling) then
        return {key = key, broken = 'floor or ceiling is no number'}
    end
    record.busy = record.token and record.current and record.ceiling >= now
    -- A grant that may be lost with this Redis's data ends before the quarantine does, even if
    -- the data or the Redis have come here from another clock.
    record.next_floor = math.max(record.ceiling, record.current and now or now + quarantine_ms)
    return record
end

local function text(unix_ms)
    return string.format('%d', unix_ms)
end

local function is_older(one, other)
    local major, minor = string.match(one, '(%d+)%.(%d+)')
    local other_major, other_minor = string.match(other, '(%d+)%.(%d+)')
    return major * 1000 + minor < other_major * 1000 + other_minor
end

local function granted(place, floor, ceiling)
    return {'granted', now, place, floor, ceiling}
end

-- The oldest ceiling, and one of this run before all that need the quarantine; but one whose
-- ceiling a wrong clock has put far ahead comes last.
local function is_better(record, best)
    if not best or record.next_floor ~= best.next_floor then
        return not best or record.next_floor < best.next_floor
    end
    return record.ceiling < best.ceiling
end

local function acquire()
    local best, place, first_free, broken
    for i = 2, #KEYS do
        local record = read(KEYS[i])
        if record.broken then
            broken = record
        elseif record.busy and record.token == token then
            return granted(i - 2, record.floor, record.ceiling)
        elseif record.busy then
            if not first_free or record.ceiling < first_free.ceiling then
                first_free = record
            end
        elseif is_better(record, best) then
            best, place = record, i - 2
        end
    end
    if best then
        local floor = best.next_floor
        local ceiling = math.max(floor, now + grant_ms)
        redis.call('SET', KEYS[1], pin)
        redis.call('HSET', best.key, 'token', token, 'floor', text(floor),
            'ceiling', text(ceiling), 'run_id', run_id, 'holder', named)
        return granted(place, floor, ceiling)
    elseif first_free then
        return {'taken', now, first_free.ceiling, first_free.holder}
    end
    return {'broken', now, broken.key, broken.broken}
end

-- What keeps the holder of the token from changing its record; nothing where nothing does.
local function refusal(record)
    if record.broken then
        return {'broken', now, record.key, record.broken}
    elseif record.token ~= token and record.token ~= named then
        return {'lost', now}
    elseif not record.current then
        return {'restarted', now}
    end
end

local function extend(record)
    local ceiling = math.max(record.floor, record.ceiling, now + grant_ms)
    redis.call('HSET', record.key, 'token', named, 'ceiling', text(ceiling))
    return granted(0, record.floor, ceiling)
end

local function release(record)
    local ceiling = math.max(record.floor, tonumber(ARGV[10]))
    redis.call('HSET', record.key, 'ceiling', text(ceiling))
    redis.call('HDEL', record.key, 'token', 'holder')
    return {'released', now}
end

-- Its ceiling stays, so the next floor is above it, and its holder, should it live, has lost it.
local function free()
    local record = read(KEYS[2])
    if record.broken then
        return {'broken', now, record.key, record.broken}
    elseif record.token ~= token then
        return {'lost', now}
    end
    redis.call('HDEL', record.key, 'token', 'holder')
    return {'released', now}
end

if is_older(version, oldest_version) then
    return {'old', now, version}
end
if operation == 'free' then
    return free()
end
if math.abs(caller_ms - now) > max_skew_ms then
    return {'skewed', now}
end
local pinned = redis.pcall('GET', KEYS[1])
if type(pinned) == 'table' then
    return {'no_pin', now, KEYS[1], pinned.err}
elseif pinned and pinned ~= pin then
    return {'pinned', now, pinned}
end
if operation == 'acquire' then
    return acquire()
end
local record = read(KEYS[2])
return refusal(record) or ({extend = extend, release = release})[operation](record)
