local header, value, pool = %[1]q, %[2]q, %[3]q
local browser = %[4]s
local body = %[5]q
local thread

wrapped = 0 -- global: read from outside by thread:get

if pool == "" then
	for name, text in pairs(browser) do
		wrk.headers[name] = text
	end
	if header ~= "" then
		wrk.headers[header] = value
	end
	if body ~= "" then
		wrk.method, wrk.body, wrk.headers["Content-Type"] = "POST", body, "application/json"
	end -- wrk builds the request once: no Lua runs while it is measured
else
	local requests, at

	function init(args)
		requests, at = {}, 0
		local before = "GET / HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\n"
		for name, text in pairs(browser) do
			before = before .. name .. ": " .. text .. "\r\n"
		end
		before = before .. header .. ": " .. value
		for line in io.lines(pool) do
			requests[#requests + 1] = before .. line .. "\r\n\r\n"
		end
	end

	function request()
		at = at + 1
		if at > #requests then
			at, wrapped = 1, wrapped + 1
		end
		return requests[at]
	end
end

function setup(t)
	thread = t
end

function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format('figures: {"requests":%%d,"took":%%d,"refused":%%d,"broken":%%d,"p50":%%.1f,"p99":%%.1f,"wrapped":%%d}\n',
		summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
		latency:percentile(50), latency:percentile(99), thread:get("wrapped")))
end
