-- Adds a piece of what a process has counted, once, however often it is handed in.
--
-- KEYS[1]   the number of the process's last piece that was added
-- KEYS[2..] for each entry: the application's counts, its users, and the day's applications
-- ARGV      the number of this piece, how long KEYS[1] is kept (s), how long all else is (s),
--           how many interfaces are told apart, the name that further ones share, and for each
--           entry: the application, allowed calls, denied calls, how many interfaces and users
--           follow, each interface and its calls, each user
--
-- The answer is 1, or what Redis says of the first key of another type, which is left as it is.

local number, kept_number_s, kept_s = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local max_interfaces, others = tonumber(ARGV[4]), ARGV[5]

local last = redis.call('GET', KEYS[1])
if last and tonumber(last) >= number then
    return 1
end
-- First of all writes: where Redis can't write at all, it says so here and nothing is added.
redis.call('SET', KEYS[1], ARGV[1], 'EX', kept_number_s)

local place, trouble = 6, nil

local function next_argument()
    place = place + 1
    return ARGV[place - 1]
end

-- Whether it could be written; a key of another type is left as it is, and the rest goes on.
local function write(command, key, ...)
    local answer = redis.pcall(command, key, ...)
    if type(answer) == 'table' and answer.err then
        trouble = trouble or key .. ': ' .. answer.err
        return false
    end
    redis.call('EXPIRE', key, kept_s)
    return true
end

local function add_interfaces(key, count)
    local is_near = redis.call('HLEN', key) - 2 + count > max_interfaces
    for _ = 1, count do
        local field, calls = 'i:' .. next_argument(), next_argument()
        if is_near and redis.call('HEXISTS', key, field) == 0
            and redis.call('HLEN', key) - 2 >= max_interfaces then
            field = 'i:' .. others
        end
        write('HINCRBY', key, field, calls)
    end
end

for i = 2, #KEYS, 3 do
    local app, total, denied = next_argument(), next_argument(), next_argument()
    local interfaces, users = tonumber(next_argument()), tonumber(next_argument())
    local first_user = place + 2 * interfaces
    if write('HINCRBY', KEYS[i], 'total', total) then
        write('HINCRBY', KEYS[i], 'denied', denied)
        add_interfaces(KEYS[i], interfaces)
    end
    if users > 0 then
        write('PFADD', KEYS[i + 1], unpack(ARGV, first_user, first_user + users - 1))
    end
    write('SADD', KEYS[i + 2], app)
    place = first_user + users
end
return trouble or 1
