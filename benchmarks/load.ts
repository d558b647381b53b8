import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

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
  const load = ['wrk', '-t1', '-c16', `-d${MOST_SECONDS}s`, '-s', script, `http://127.0.0.1:${input.port}/`]
  const { sent, unexpected, loadNanos } = await runLoad(load)
  const after = cpuNanos(input.pid)
  return {
    requests: sent,
    cpuMicros: (after.all - before.all) / 1000 / sent,
    mainThreadMicros: (after.main - before.main) / 1000 / sent,
    perCpuSecond: sent / ((after.all - before.all + loadNanos) / 1e9),
    unexpected,
  }
}

interface LoadResult {
  readonly sent: number
  readonly unexpected: number
  readonly loadNanos: number
}

/** Ends the load as soon as it has told its result. */
function runLoad(command: readonly string[]): Promise<LoadResult> {
  const child = spawn('taskset', ['-c', '0', ...command], { stdio: ['pipe', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const [, sent, unexpected] = /RESULT sent=(\d+) unexpected=(\d+)\n/.exec(output) ?? []
      if (sent === undefined || child.pid === undefined) return
      resolve({ sent: Number(sent), unexpected: Number(unexpected), loadNanos: cpuNanos(child.pid).all })
      child.kill('SIGKILL')
    })
    child.once('exit', () => reject(new Error(`the load ended without a result: ${output}`)))
  })
}

/** Time on a CPU by Linux' scheduler, in nanoseconds. */
function cpuNanos(pid: number): { all: number; main: number } {
  const threads = readdirSync(`/proc/${pid}/task`)
  const nanos = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return { all: nanos.reduce((sum, value) => sum + value, 0), main: nanos[threads.indexOf(String(pid))] ?? 0 }
}

// Having told the result it reads what nobody writes: so it waits for its end. What is in flight then is answered, too.
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
  if answered == ${count} then
    io.write(string.format('RESULT sent=%d unexpected=%d\\n', sent, unexpected))
    io.flush()
    io.read()
  end
end
`
}
