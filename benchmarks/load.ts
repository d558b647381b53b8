import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const MOST_SECONDS = 120
/** Requests that wrk may have sent when it learns that it may stop. */
export const IN_FLIGHT = 16

/** CPU time of one slot of load: a number of requests, however long that takes on a machine that others use. */
export interface Measured {
  readonly requests: number
  /** CPU microseconds per request of the whole process, and of its main thread alone. */
  readonly cpuMicros: number
  readonly mainThreadMicros: number
  /** Requests per second of CPU that server and load take together: what a core would do that nobody else uses. */
  readonly perCpuSecond: number
  /** Answers whose status was another than expected. */
  readonly unexpected: number
}

/** Sends prepared requests with wrk from the server's own core and reads the server's CPU time. */
export async function measure(input: {
  readonly pid: number
  readonly port: number
  readonly requests: readonly string[]
  readonly status: number
  readonly count: number
  readonly folder: string
}): Promise<Measured> {
  const script = join(input.folder, `load-${input.port}.lua`)
  const data = join(input.folder, `load-${input.port}.txt`)
  writeFileSync(data, input.requests.join('\0'))
  writeFileSync(script, wrkScript(data, input.status, input.count))
  const before = cpuNanos(input.pid)
  const load = `wrk -t1 -c16 -d${MOST_SECONDS}s --timeout ${MOST_SECONDS}s -s ${script} http://127.0.0.1:${input.port}/; times`
  const { stdout } = await run('taskset', ['-c', '0', 'bash', '-c', load])
  const after = cpuNanos(input.pid)
  const requests = Number(/RESULT requests=(\d+)/.exec(stdout)?.[1])
  return {
    requests,
    cpuMicros: (after.all - before.all) / 1000 / requests,
    mainThreadMicros: (after.main - before.main) / 1000 / requests,
    perCpuSecond: requests / ((after.all - before.all) / 1e9 + secondsOfLoad(stdout)),
    unexpected: Number(/unexpected=(\d+)/.exec(stdout)?.[1]),
  }
}

/** The last line of `times`: user and system time of what the shell ran. */
function secondsOfLoad(stdout: string): number {
  const [user = '', system = ''] = stdout.trim().split('\n').at(-1)?.split(' ') ?? []
  return secondsOf(user) + secondsOf(system)
}

function secondsOf(time: string): number {
  const [, minutes, seconds] = /^(\d+)m([\d.]+)s$/.exec(time) ?? []
  return Number(minutes) * 60 + Number(seconds)
}

/** Time on a CPU by Linux' scheduler, in nanoseconds. */
function cpuNanos(pid: number): { all: number; main: number } {
  const threads = readdirSync(`/proc/${pid}/task`)
  const nanos = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return { all: nanos.reduce((sum, value) => sum + value, 0), main: nanos[threads.indexOf(String(pid))] ?? 0 }
}

// What is in flight when the last answer comes was sent, and is answered, too.
function wrkScript(data: string, status: number, count: number): string {
  return `
local file = io.open(${JSON.stringify(data)}, 'rb')
local all = file:read('*a')
file:close()
local requests = {}
for one in (all .. '\\0'):gmatch('(.-)%z') do requests[#requests + 1] = one end
sent = 0
answered = 0
unexpected = 0
function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end
function response(status)
  answered = answered + 1
  if status ~= ${status} then unexpected = unexpected + 1 end
  if answered >= ${count} then wrk.thread:stop() end
end
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done()
  local sum, bad = 0, 0
  for _, thread in ipairs(threads) do
    sum = sum + thread:get('sent')
    bad = bad + thread:get('unexpected')
  end
  io.write(string.format('RESULT requests=%d unexpected=%d\\n', sum, bad))
end
`
}
