-- Tests the buckets KEYS and charges all or none, by the server's clock.
-- ARGV: what to do, then eight for each key: what is asked, what is charged and what the bucket holds, each as microseconds and
-- nanoseconds beyond (of time until the bucket is full), whether to look only, and whether the rule overdraws buckets.
local how = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local longest = 4611686018427387
local full, waits, refused = {}, {}, false

for i, key in ipairs(KEYS) do
  local at = 2 + (i - 1) * 8
  local asked, asked_ns = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local own, own_ns = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local holds, holds_ns = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local owes = ARGV[at + 7] == '1'

  local us, ns = now, 0
  local kept = redis.call('GET', key)
  if kept then
    local kept_us, kept_ns = string.match(kept, '^(%d+):(%d+)$')
    kept_us, kept_ns = tonumber(kept_us), tonumber(kept_ns)
    if kept_us >= now then
      us, ns = kept_us, kept_ns
      -- Only a clock that was set back leaves a bucket further from full than empty.
      if not owes and (us - now > holds or (us - now == holds and ns > holds_ns)) then
        us, ns = now + holds, holds_ns
      end
    end
  end

  local wait, wait_ns = us - now + asked - holds, ns + asked_ns - holds_ns
  if wait_ns < 0 then
    wait, wait_ns = wait - 1, wait_ns + 1000
  elseif wait_ns >= 1000 then
    wait, wait_ns = wait + 1, wait_ns - 1000
  end
  local never = asked > longest or own > holds or (own == holds and own_ns > holds_ns)
  local allowed = not never and (wait < 0 or (wait == 0 and wait_ns == 0))
  if allowed then
    waits[i] = '0:0'
  else
    refused = true
    waits[i] = string.format('%.0f:%.0f', wait, wait_ns)
  end

  us, ns = us + own, ns + own_ns
  if ns >= 1000 then us, ns = us + 1, ns - 1000 end
  if us - now > longest then us, ns = now + longest, 0 end
  if ARGV[at + 6] == '0' and (how ~= 'held' or allowed) then full[i] = { us, ns } end
end

if how == 'owe' or how == 'held' or (how == 'take' and not refused) then
  for i, key in ipairs(KEYS) do
    if full[i] then
      local us, ns = full[i][1], full[i][2]
      local expires = math.ceil((us - now) / 1000) + 1
      redis.call('SET', key, string.format('%.0f:%.0f', us, ns), 'PX', string.format('%.0f', expires))
    end
  end
end
return waits
