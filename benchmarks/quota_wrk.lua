-- Asks for checks, and reports as wrk.lua does.  One word follows the URL: `distinct` where each
-- check is another of many callers', `same` where each request has the same bytes, `post` where
-- each brings a hundred of the former.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "wrk.lua")

-- 100,000 counters to each of the shipped rules: no process in memory is full.
local apps, users, ips = 1000, 100, 100
local checks_per_post = 100 -- as quota_counters.py has it
local random, format = math.random, string.format

local function distinct()
  local app, user, ip = random(apps), random(users), random(ips)
  return wrk.format(nil, format(
    "/quota/check?app=app-%04d&user=user-%06d&interface=orders&ip=10.0.0.%d", app, user, ip))
end

local function post()
  local checks = {}
  for place = 1, checks_per_post do
    checks[place] = format(
      '{"app":"app-%04d","user":"user-%06d","interface":"orders","ip":"10.0.0.%d"}',
      random(apps), random(users), random(ips))
  end
  return wrk.format("POST", "/quota/check", nil, "[" .. table.concat(checks, ",") .. "]")
end

function init(args)
  math.randomseed(os.time())
  if args[1] == "distinct" then
    request = distinct
  elseif args[1] == "post" then
    wrk.headers["Content-Type"] = "application/json"
    request = post
  end
end
