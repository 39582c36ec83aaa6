-- soak.lua - what wrk asks of the shop in t/fault/soak.t, made beforehand.
--
-- READS names a file with a path a line, each as likely.  WRITES names one
-- with the paths of products instead: every other request changes one, the
-- rest make one, with keys that begin with NAME.  KEY is whose they are.

local key = os.getenv("KEY")
local name = os.getenv("NAME")
local reads = os.getenv("READS")
local writes = os.getenv("WRITES")
local requests = {}
local n = 0


local function made(method, path, headers, body)
    headers["Authorization"] = "Bearer " .. key
    return wrk.format(method, path, headers, body)
end


function init()
    math.randomseed(os.time())
    for path in io.lines(reads or writes) do
        if reads then
            requests[#requests + 1] = made("GET", path, {})
        else
            for i = 1, 20 do
                requests[#requests + 1] = made("PATCH", path, {
                    ["Content-Type"] = "application/merge-patch+json",
                    ["If-Match"] = "*",
                }, string.format('{"vendor": "Potter %d"}', i))
            end
        end
    end
    -- With a place for the number of a new one, in its key and its title.
    create = made("POST", "/api/admin/v1/products", {
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = name .. "-%09d",
    }, '{"title": "' .. name .. '-%09d"}')
    create = create:gsub("Content%-Length: %d+", "Content-Length: "
                         .. #string.format('{"title": "%s-%09d"}', name, 0))
end


function request()
    n = n + 1
    if writes and n % 2 == 0 then
        return string.format(create, n, n)
    end
    return requests[math.random(#requests)]
end


function done(summary)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d\n", summary.requests,
        e.connect + e.read + e.write + e.timeout, e.status))
end
