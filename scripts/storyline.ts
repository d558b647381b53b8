// The files that one signed POST passes, in order, and how many functions run: npm run storyline [-- --capability] [--functions]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type Profiler, Session } from 'node:inspector'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { requireCapability } from '@countermark/capability'
import { createGuard } from '@countermark/express'
import { fromFile } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTestAgent, rawRequest, sendRaw } from '@countermark/testing'
import express from 'express'

const { values: options } = parseArgs({
  options: { capability: { type: 'boolean' }, functions: { type: 'boolean' } },
})

/** A function of ours that ran, as V8 names it. */
interface Ran {
  readonly scriptId: string
  readonly file: string
  readonly name: string
  readonly offset: number
}

const OURS = /\/packages\/(?!testing\/)[^/]+\/src\//
const folder = mkdtempSync(join(tmpdir(), 'countermark-'))
const agent = await createTestAgent({ agentId: 'agt_reader' })
const agentsFile = join(folder, 'agents.json')
writeFileSync(
  agentsFile,
  JSON.stringify({
    agents: [{ id: agent.agentId, keys: [{ id: agent.keyId, jwk: agent.publicJwk }], capabilities: ['orders:create'] }],
  }),
)

const session = new Session()
session.connect()

/** Sends one signed POST to an application that has answered nothing yet. */
async function sendFirstRequest(): Promise<void> {
  const app = express()
  const guard = createGuard({ origins: ['api.example.com'] })
  const keys = fromFile(agentsFile)
  app.use(guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore({ startedAt: 0 }) })))
  app.use(express.json())
  const checks = options.capability === true ? [guard(requireCapability('orders:create'))] : []
  app.post('/orders', ...checks, (req, res) => {
    res.status(201).json({ orderedBy: req.agent?.id })
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const signed = await agent.signRequest({
    method: 'POST',
    url: 'https://api.example.com/orders',
    headers: { 'Content-Type': 'application/json' },
    body: '{"item":7}',
  })
  const bytes = rawRequest(signed)
  begin()
  const { status, body } = await sendRaw((server.address() as AddressInfo).port, bytes)
  server.close()
  if (status !== 201) throw new Error(`the request was answered with ${status}: ${body}`)
}

let begin = (): void => {}

function ask(method: 'Profiler.takePreciseCoverage'): Promise<Profiler.TakePreciseCoverageReturnType>
function ask(method: string, parameters?: object): Promise<unknown>
function ask(method: string, parameters?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => (error === null ? resolve(result) : reject(error)))
  })
}

/** What runs for the first request of a process. */
async function findFunctions(): Promise<readonly Ran[]> {
  await ask('Profiler.enable')
  await ask('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  await ask('Profiler.takePreciseCoverage')
  begin = () => {
    session.post('Profiler.takePreciseCoverage')
  }
  await sendFirstRequest()
  const { result } = await ask('Profiler.takePreciseCoverage')
  await ask('Profiler.stopPreciseCoverage')
  return result
    .filter(({ url }) => OURS.test(url))
    .flatMap(({ scriptId, url, functions }) =>
      functions
        .filter(({ ranges, functionName }) => (ranges[0]?.count ?? 0) > 0 && !isModule(functionName, ranges))
        .map(({ functionName, ranges }) => ({
          scriptId,
          file: relative(process.cwd(), fileURLToPath(url)),
          name: functionName || '(anonymous)',
          offset: ranges[0]?.startOffset ?? 0,
        })),
    )
}

/** The module itself, and what the transpiler adds to keep the names of functions. */
function isModule(name: string, ranges: readonly Profiler.CoverageRange[]): boolean {
  return name === '__name' || (name === '' && ranges[0]?.startOffset === 0)
}

/** The same functions in the order in which a second such application enters them: a breakpoint in each notes it and does not stop. */
async function putInOrder(functions: readonly Ran[]): Promise<readonly Ran[]> {
  const entered: number[] = []
  Object.assign(globalThis, { storylineEntered: entered })
  await ask('Debugger.enable')
  for (const [index, { scriptId, offset }] of functions.entries()) {
    const source = (await ask('Debugger.getScriptSource', { scriptId })) as { readonly scriptSource: string }
    const before = source.scriptSource.slice(0, offset).split('\n')
    const start = { scriptId, lineNumber: before.length - 1, columnNumber: before.at(-1)?.length ?? 0 }
    const condition = `storylineEntered.push(${index}), false`
    await ask('Debugger.setBreakpoint', { location: start, condition }).catch(() => undefined)
  }
  begin = () => {
    entered.length = 0
  }
  await sendFirstRequest()
  await ask('Debugger.disable')
  const order = [...new Set(entered)]
  const later = functions.map((_, index) => index).filter((index) => !order.includes(index))
  return [...order, ...later].flatMap((index) => functions[index] ?? [])
}

const functions = await putInOrder(await findFunctions())
rmSync(folder, { recursive: true })
const files = new Map<string, string[]>()
for (const { file, name } of functions) files.set(file, [...(files.get(file) ?? []), name])
for (const [file, names] of files) console.log(options.functions === true ? `${file}: ${names.join(', ')}` : file)
console.log(`${files.size} files, ${functions.length} functions`)
process.exit(0)
