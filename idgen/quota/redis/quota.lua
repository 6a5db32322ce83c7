-- A flight of checks, decided one after the other as `decision.decide` does it: all or nothing.
--
-- KEYS      the counters: for each check, one for each rule
-- ARGV      number of rules; for each rule limit, window_ms, enforce (1 or 0); a cost per check
--
-- A counter is a number with a TTL, and the TTL is what is left of its window.  The answer is, for
-- each check, 1 or 0 for allowed, and for each rule what was used and what is left of the window.

local rules = tonumber(ARGV[1])
local limits, windows_ms, enforced = {}, {}, {}
for rule = 1, rules do
    limits[rule] = tonumber(ARGV[3 * rule - 1])
    windows_ms[rule] = tonumber(ARGV[3 * rule])
    enforced[rule] = ARGV[3 * rule + 1] == '1'
end
local costs_after = 3 * rules + 1
local values = redis.call('MGET', unpack(KEYS))
local counters, changed = {}, {}

-- One that others have written, or have set back without a TTL, is put right when it is seen.
local function read(place, window_ms)
    local counter = {key = KEYS[place], used = 0, left_ms = 0, charged = 0}
    local value = values[place]
    if value and #value <= 15 and string.find(value, '^[1-9]%d*$') then
        local left_ms = redis.call('PTTL', counter.key)
        if left_ms == -1 or left_ms > window_ms then
            left_ms = window_ms
            redis.call('PEXPIRE', counter.key, window_ms)
        end
        if left_ms > 0 then
            counter.used, counter.left_ms = tonumber(value), left_ms
        end
    end
    counters[counter.key] = counter
    return counter
end

local function charge(counter, cost, window_ms)
    if counter.left_ms == 0 then
        counter.left_ms, counter.is_new = window_ms, true
    end
    if counter.charged == 0 then
        changed[#changed + 1] = counter
    end
    counter.used = counter.used + cost
    counter.charged = counter.charged + cost
end

local answer, places = {}, 0
for check = 1, #ARGV - costs_after do
    local cost, fits = tonumber(ARGV[costs_after + check]), true
    local of_check = {}
    for rule = 1, rules do
        local place = (check - 1) * rules + rule
        local counter = counters[KEYS[place]] or read(place, windows_ms[rule])
        of_check[rule] = counter
        if enforced[rule] and counter.used + cost > limits[rule] then
            fits = false
        end
    end
    answer[places + 1] = (fits or cost == 0) and 1 or 0
    for rule = 1, rules do
        local counter = of_check[rule]
        if fits and cost > 0 then
            charge(counter, cost, windows_ms[rule])
        end
        answer[places + 2 * rule] = counter.used
        answer[places + 2 * rule + 1] = counter.left_ms
    end
    places = places + 1 + 2 * rules
end

for _, counter in ipairs(changed) do
    if counter.is_new then
        redis.call('SET', counter.key, counter.charged, 'PX', counter.left_ms)
    else
        redis.call('INCRBY', counter.key, counter.charged)
    end
end
return answer
