import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AgentFact, AgentView, Check, FreshnessFact, GuardOptions, KeySource, ProofFact } from '@countermark/core'
import type { GuardFactory } from '@countermark/core/internal'

/** What a handler of the suite sees of a request, whatever the framework. */
export interface AdapterExchange {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  /** What the adapter left for handlers: `req.agent`, `ctx.state.agent`. */
  readonly agent: AgentView | undefined
  /** Does what any other middleware may do: assigns that property. */
  readonly assignAgent: (value: unknown) => void
  /** What a body parser left. */
  readonly body: unknown
  /** Contents of the files that a multipart parser left. */
  readonly files: readonly Buffer[]
}

/** The parsers an application may have behind its guard. */
export type BodyParser = 'json' | 'urlencoded' | 'raw' | 'text' | 'multipart'

/** An application of the framework, built by the suite. */
export interface AdapterApp<Middleware> {
  readonly use: (...middleware: readonly Middleware[]) => void
  /** A path may name parameters as `:name`. */
  readonly route: (method: 'get' | 'post' | 'options', path: string, ...middleware: readonly Middleware[]) => void
  /** Puts an application or a router under a prefix, which it takes away from the url. */
  readonly mount: (how: 'app' | 'router', prefix: string, build: (inner: AdapterApp<Middleware>) => void) => void
  /** What answers: a handler for a server of Node's own, or a server that the adapter makes. */
  readonly listener: () => RequestListener | Server
}

/** A framework and the adapter for it. */
export interface AdapterUnderTest<Middleware> {
  /** The `createGuard` of the adapter. */
  readonly createGuard: (options: GuardOptions) => GuardFactory<Middleware>
  /** The same, with refusals handed to the application's error handler. */
  readonly createGuardWithErrors: (options: GuardOptions) => GuardFactory<Middleware>
  /** `onError` makes an error handler that answers with `status` and `headers` of the error. */
  readonly createApp: (onError?: (error: unknown) => void) => AdapterApp<Middleware>
  /** Middleware that does something and goes on. */
  readonly step: (run: (exchange: AdapterExchange) => void | Promise<void>) => Middleware
  /** Middleware that answers 200 with JSON. */
  readonly answer: (handle: (exchange: AdapterExchange) => unknown) => Middleware
  /** A body parser of the framework. */
  readonly parser: (kind: BodyParser) => Middleware
}

/** The checks that guard the suite's applications. */
export interface AdapterChecks {
  readonly verify: Check<object, { readonly agent: AgentFact; readonly proof: ProofFact }>
  readonly once: Check<{ readonly proof: ProofFact }, { readonly freshness: FreshnessFact }>
}

/** Makes checks that know the keys and have seen no request yet. */
export type CreateAdapterChecks = (keys: KeySource) => AdapterChecks
