-- wrk's side of benchmarks/load.py: posts one body, and ends with one line of JSON.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function init(args)
  local file = io.open(args[1], "rb")
  wrk.body = file:read("*a")
  file:close()
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
