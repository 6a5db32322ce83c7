-- Reports a run of wrk as one line of JSON.  Two words may follow the URL: the Accept header, and
-- `distinct` where each request is to have a query string of its own, or `close` where it is to
-- have a connection of its own.

local count = 0

function setup(thread)
  thread:set("id", tostring(math.random(1000000)))
end

function init(args)
  if args[1] then
    wrk.headers["Accept"] = args[1]
  end
  if args[2] == "close" then
    wrk.headers["Connection"] = "close"
  end
  if args[2] == "distinct" then
    request = function()
      count = count + 1
      return wrk.format(nil, "/?x=" .. id .. "x" .. count)
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"refused":%d,"failed":%d,"p50_us":%d,"p99_us":%d,"p999_us":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
