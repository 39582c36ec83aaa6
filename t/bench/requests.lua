-- requests.lua - what wrk asks for, and what it has to report.
--
-- PATHS names a file with a path a line, from which each request takes one at
-- random.  Without it wrk asks for the address that it was given, which costs
-- it least.

local paths = os.getenv("PATHS")
local requests = {}


if paths then
    function init()
        for path in io.lines(paths) do
            requests[#requests + 1] = wrk.format("GET", path)
        end
        math.randomseed(os.time())
    end


    function request()
        return requests[math.random(#requests)]
    end
end


-- Read by Bench::Load: what was answered, in which time, what went wrong, and
-- how long answers took.
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests,
        summary.duration, e.connect + e.read + e.write + e.timeout, e.status,
        latency:percentile(99)))
end
