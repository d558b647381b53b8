import type { AgentRequest, GuardOptions, HeaderField, KeySource, RefusalCode } from '@countermark/core'
import type { GuardFactory } from '@countermark/core/internal'
import type { RequestToSign } from '../agent/request-to-sign.ts'
import { createTestAgent, keySourceOf, type TestAgent } from '../agent/test-agent.ts'
import { createRecordingObserver, type RecordingObserver } from '../environment/test-environment.ts'
import { type RawResponse, rawRequest, sendRaw } from '../servers/send-raw.ts'
import { type StartedServer, startServer } from '../servers/start-server.ts'
import type {
  AdapterApp,
  AdapterChecks,
  AdapterExchange,
  AdapterUnderTest,
  CreateAdapterChecks,
} from './adapter-under-test.ts'

/** What a case builds its application from. */
export interface AdapterKit<Middleware> {
  readonly adapter: AdapterUnderTest<Middleware>
  readonly app: AdapterApp<Middleware>
  readonly guard: GuardFactory<Middleware>
  readonly checks: AdapterChecks
  /** Makes a guard with both checks. */
  readonly verified: () => Middleware
  /** A handler that counts its runs and answers with what it saw. */
  readonly handler: Middleware
}

/**
 * Builds the application of one case: the middleware that everything passes, in order, unless it mounts middleware itself.
 * @default a guard with both checks, and the handler
 */
export type BuildApp<Middleware> = (kit: AdapterKit<Middleware>) => readonly Middleware[] | undefined

/** How a case differs from an application with one guard and a handler behind it. */
export interface GuardedAppInput<Middleware> {
  readonly options?: Partial<GuardOptions>
  /** Refusals go to the application's error handler, and what that got comes here. */
  readonly onError?: (error: unknown) => void
  /** What is known of agents. @default the key of the agent that sends */
  readonly keys?: (agent: TestAgent) => KeySource
  readonly build?: BuildApp<Middleware>
}

/** A request without a signature. */
export interface PlainInput {
  readonly method?: string
  readonly target?: string
  readonly headers?: readonly HeaderField[]
  readonly body?: Uint8Array
}

/** A running application and an agent that it knows. */
export interface GuardedApp extends StartedServer {
  readonly agent: TestAgent
  readonly observer: RecordingObserver
  /** What the operator was told. */
  readonly warnings: readonly CapturedWarning[]
  /** What the handler saw, a row for each of its runs. */
  readonly runs: readonly AdapterExchange[]
  /** Signs a request and sends it. */
  readonly send: (request: RequestToSign) => Promise<RawResponse>
  /** Sends a request without a signature. */
  readonly sendPlain: (input?: PlainInput) => Promise<RawResponse>
}

/** Starts an application for one case, by what is different about it. */
export type StartGuardedApp<Middleware> = (
  input?: GuardedAppInput<Middleware> | BuildApp<Middleware>,
) => Promise<GuardedApp>

/** Who the guarded application is. */
export const AUTHORITY = 'api.example.com'

/** Makes the function that starts applications, inside a `describe`: what it starts ends with the test. */
export function useGuardedApps<Middleware>(
  adapter: AdapterUnderTest<Middleware>,
  createChecks: CreateAdapterChecks,
): StartGuardedApp<Middleware> {
  const running: StartedServer[] = []
  const warnings = useCapturedWarnings()
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.close()))
  })
  return async (given = {}) => {
    const input = typeof given === 'function' ? { build: given } : given
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const runs: AdapterExchange[] = []
    const observer = createRecordingObserver()
    const { options = {}, onError, keys = keySourceOf, build = buildDefault } = input
    const create = onError === undefined ? adapter.createGuard : adapter.createGuardWithErrors
    const app = adapter.createApp(onError)
    const guard = create({ origins: [AUTHORITY], observers: [observer], ...options })
    const checks = createChecks(keys(agent))
    const middleware = build({
      ...{ adapter, app, guard, checks },
      verified: () => guard(checks.verify, checks.once),
      handler: adapter.answer((exchange) => describeExchange(exchange, runs)),
    })
    app.use(...(middleware ?? []))
    const server = await startServer(app.listener())
    running.push(server)
    return {
      ...server,
      agent,
      observer,
      warnings,
      runs,
      send: async (request) => sendRaw(server.port, rawRequest(await agent.signRequest(request))),
      sendPlain: (plain = {}) => sendRaw(server.port, plainRequest(plain)),
    }
  }
}

/** Reads the problem document of a refusal. */
export function problemOf(response: RawResponse): Readonly<Record<string, unknown>> {
  return JSON.parse(response.text)
}

/** The status of an answer, and the code of its refusal: `200`, `401 signature_invalid`. */
export function outcomeOf(response: RawResponse): string {
  return response.status < 400 ? String(response.status) : `${response.status} ${problemOf(response)['code']}`
}

/** The codes of what the guards of an application decided, in order; `undefined` for what they let pass. */
export function codesOf({ observer }: Pick<GuardedApp, 'observer'>): readonly (RefusalCode | undefined)[] {
  return observer.decisions.map(({ refusal }) => refusal?.code)
}

/** The request as the guard of a decision saw it. */
export function requestOf(app: GuardedApp): AgentRequest {
  const decision = app.observer.decisions[0]
  if (decision === undefined) throw new Error('no guard has decided anything')
  return decision.request
}

function buildDefault<Middleware>({ verified, handler }: AdapterKit<Middleware>): readonly Middleware[] {
  return [verified(), handler]
}

function describeExchange(exchange: AdapterExchange, runs: AdapterExchange[]): unknown {
  runs.push(exchange)
  const { agent, body } = exchange
  return { agent: agent?.id ?? null, body: body ?? null }
}

function plainRequest({ method = 'GET', target = '/', headers = [], body }: PlainInput): Buffer {
  const host: readonly HeaderField[] = headers.some(([name]) => name === 'Host') ? [] : [['Host', AUTHORITY]]
  return rawRequest({ method, target, headerLines: [...host, ...headers], body })
}

/** A process warning, as the operator would read it. */
interface CapturedWarning {
  readonly message: string
  readonly type: string | undefined
  readonly code: string | undefined
}

/** Collects process warnings instead of printing them. Call it inside a `describe`. */
export function useCapturedWarnings(): readonly CapturedWarning[] {
  const captured: CapturedWarning[] = []
  const { emitWarning } = process
  beforeEach(() => {
    captured.length = 0
    process.emitWarning = (warning: string | Error, ...rest: readonly unknown[]): void => {
      const { type, code }: { readonly type?: string; readonly code?: string } = Object(rest[0])
      captured.push({ message: String(warning), type, code })
    }
  })
  afterEach(() => {
    process.emitWarning = emitWarning
  })
  return captured
}
