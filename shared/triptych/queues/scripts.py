"""The steps of a message as scripts that Redis runs whole: message and counts never disagree.

Each queue has two streams, one a lane, each with one consumer group. An entry has the fields of
``FIELDS``. Beside them are a hash of totals per queue (items, bytes) and a hash ``flight`` per
batch, with where each of its messages is. All of it vanishes together.

A full Redis refuses commands that may grow, but not in a script that has already written. So
what makes room (done, put back, reap, drop, beat) begins with a command that can't grow, and only
``PUT`` is refused.
"""

GROUP = "workers"
"""The consumer group of every stream."""

EVENTS_KEY = "triptych:events"
"""The hash that counts what happens, by queue and event."""

FIELDS = (
    "key",  # names the message as long as it lives
    "group",
    "members",
    "items",
    "bytes",
    "deaths",
    "evidence",  # JSON
    "since",  # when it was first sent, in ms since 1970
    "head",
    "body",
)

_PRELUDE = f"""
local GROUP = '{GROUP}'
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function read(stream, id)
  local found = redis.call('XRANGE', stream, id, id)[1]
  if not found then return nil end
  local entry = {{}}
  for i = 1, #found[2], 2 do entry[found[2][i]] = found[2][i + 1] end
  return entry
end
local function add(stream, e)
  local id = redis.call('XADD', stream, '*', 'key', e.key, 'group', e.group,
    'members', e.members, 'items', e.items, 'bytes', e.bytes, 'deaths', e.deaths,
    'evidence', e.evidence, 'since', e.since, 'head', e.head, 'body', e.body)
  if e.group ~= '' then
    redis.call('HSET', 'triptych:flight:' .. e.group, e.key,
      stream .. ' ' .. id .. ' ' .. e.items .. ' ' .. e.bytes .. ' ' .. e.members)
  end
  return id
end
local function count(stream, items, bytes)
  local totals = string.match(stream, '^(.*):') .. ':totals'
  redis.call('HINCRBY', totals, 'items', items)
  redis.call('HINCRBY', totals, 'bytes', bytes)
end
local function happened(stream, event)
  redis.call('HINCRBY', '{EVENTS_KEY}',
    string.match(stream, '^triptych:queue:(.*):') .. ' ' .. event, 1)
end
local function again(stream, id, deaths, death)
  local e = read(stream, id)
  if not e then return 0 end
  redis.call('XDEL', stream, id)
  e.deaths = string.format('%d', e.deaths + deaths)
  happened(stream, deaths > 0 and 'died' or 'returned')
  if death then
    local evidence = cjson.decode(e.evidence)
    evidence[#evidence + 1] = death
    while #evidence > 8 do table.remove(evidence, 1) end
    e.evidence = cjson.encode(evidence)
  end
  add(stream, e)
  return 1
end
"""

# KEYS: stream. ARGV: every field but since. Replies with the id.
PUT = (
    _PRELUDE
    + """
local e = {key = ARGV[1], group = ARGV[2], members = ARGV[3], items = ARGV[4], bytes = ARGV[5],
  deaths = ARGV[6], evidence = ARGV[7], since = string.format('%.0f', clock()),
  head = ARGV[8], body = ARGV[9]}
local id = add(KEYS[1], e)
count(KEYS[1], e.items, e.bytes)
return id
"""
)

# KEYS: stream of the message, then the lanes to take from. ARGV: id, key, group, items, bytes,
# consumer, how many to take. Replies with a row (stream, id, fields) for each message taken.
DONE = (
    _PRELUDE
    + """
if redis.call('XACK', KEYS[1], GROUP, ARGV[1]) == 1
    and redis.call('XDEL', KEYS[1], ARGV[1]) == 1 then
  count(KEYS[1], -ARGV[4], -ARGV[5])
  happened(KEYS[1], 'done')
  if ARGV[3] ~= '' then redis.call('HDEL', 'triptych:flight:' .. ARGV[3], ARGV[2]) end
end
local taken = {}
local room = tonumber(ARGV[7])
for i = 2, #KEYS do
  if #taken < room then
    local reply = redis.pcall('XREADGROUP', 'GROUP', GROUP, ARGV[6], 'COUNT', room - #taken,
      'STREAMS', KEYS[i], '>')
    if reply and not reply.err then
      for _, entry in ipairs(reply[1][2]) do
        taken[#taken + 1] = {KEYS[i], entry[1], entry[2]}
      end
    end
  end
end
return taken
"""
)

# KEYS: stream. ARGV: id, how many deaths, the death in JSON or nothing.
PUT_BACK = (
    _PRELUDE
    + """
if redis.call('XACK', KEYS[1], GROUP, ARGV[1]) == 0 then return 0 end
local death = nil
if ARGV[3] ~= '' then
  death = cjson.decode(ARGV[3])
  death.time = clock() / 1000
end
return again(KEYS[1], ARGV[1], tonumber(ARGV[2]), death)
"""
)

# KEYS: stream. ARGV: lease in ms, at most how many, seconds after which a silent consumer is
# forgotten. Replies with how many messages were taken from workers that do not answer.
REAP = (
    _PRELUDE
    + """
local late = redis.call('XPENDING', KEYS[1], GROUP, 'IDLE', ARGV[1], '-', '+', ARGV[2])
local moved = 0
for _, row in ipairs(late) do
  redis.call('XACK', KEYS[1], GROUP, row[1])
  local rss = tonumber(redis.call('HGET', 'triptych:worker:' .. row[2], 'rss') or nil)
  moved = moved + again(KEYS[1], row[1], 1, {worker = row[2], cause = 'the lease ran out',
    rss = rss, time = clock() / 1000})
end
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], GROUP)) do
  local consumer = {}
  for i = 1, #row, 2 do consumer[row[i]] = row[i + 1] end
  if consumer.pending == 0 and consumer.idle > ARGV[3] * 1000 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], GROUP, consumer.name)
  end
end
return moved
"""
)

# KEYS: every stream. Replies with a row a stream: messages, held, since when the first is there,
# items and bytes of its queue; then the time in ms.
BACKLOG = (
    _PRELUDE
    + """
local rows = {}
for _, stream in ipairs(KEYS) do
  local pending = redis.pcall('XPENDING', stream, GROUP)
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  local since = ''
  if first then
    for i = 1, #first[2], 2 do
      if first[2][i] == 'since' then since = first[2][i + 1] end
    end
  end
  local totals = redis.call('HMGET', string.match(stream, '^(.*):') .. ':totals', 'items', 'bytes')
  rows[#rows + 1] = {redis.call('XLEN', stream), pending.err and 0 or pending[1], since,
    tonumber(totals[1]) or 0, tonumber(totals[2]) or 0}
end
return {rows, string.format('%.0f', clock())}
"""
)

# KEYS: the flight of a batch. Deletes what no worker holds, and replies with how many messages.
DROP = (
    _PRELUDE
    + """
local gone = 0
local flight = redis.call('HGETALL', KEYS[1])
for i = 1, #flight, 2 do
  local stream, id, items, bytes = string.match(flight[i + 1], '^(%S+) (%S+) (%S+) (%S+)')
  local held = redis.pcall('XPENDING', stream, GROUP, id, id, 1)
  if held.err or #held == 0 then
    if redis.call('XDEL', stream, id) == 1 then
      count(stream, -items, -bytes)
      gone = gone + 1
    end
    redis.call('HDEL', KEYS[1], flight[i])
  end
end
return gone
"""
)

# KEYS: the worker's hash, the set of workers. ARGV: its name, seconds it is kept, fields, values.
BEAT = (
    _PRELUDE
    + """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], clock(), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', clock() - ARGV[2] * 1000)
return 1
"""
)
