import { type AgentRequest, Misconfigured, type ProofFact } from '@countermark/core'
import { BODY_JSON, parseStrictJson, requireObject } from '@countermark/core/internal'
import { type Argument, type ArgumentInput, type ArgumentSource, fixedText } from './argument-source.ts'

/**
 * What a route says of its values, by name: where each stands, or what it always is. A fixed text may take parameters of
 * the route: `'order:{order}'`.
 */
export type ArgumentSources = Readonly<Record<string, ArgumentSource | string>>

/** Finds a value by its name. */
export type FindArgument = (name: string) => Argument

/** The values of a route, validated. */
export interface RouteArguments {
  readonly needsBody: boolean
  /** Finds values in one request, each read when it is asked for and at most once. */
  readonly read: (input: RequestContent) => FindArgument
}

/** A request with its content. */
export interface RequestContent {
  readonly request: AgentRequest
  readonly proof: ProofFact | undefined
  /** The content as it was transferred; `undefined` when no source asks for it. */
  readonly body: Uint8Array | undefined
}

const NAME = /^[a-z][a-z0-9_]{0,63}$/

/**
 * Validates what a route says of its values.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function compileArguments(given: ArgumentSources): RouteArguments {
  requireObject('the arguments of requireCapability', given)
  const sources = new Map(Object.entries(given).map(([name, source]) => [name, compileSource(name, source)]))
  const needsBody = [...sources.values()].some((source) => source.needsBody)
  return { needsBody, read: (content) => createArguments(sources, content) }
}

function compileSource(name: string, source: ArgumentSource | string): ArgumentSource {
  if (!NAME.test(name)) throw invalid('arguments are named by lower-case letters, digits and _')
  if (typeof source === 'string') return fixedText(source)
  if (typeof source?.read === 'function') return source
  throw invalid(`${name} must be body(…), query(…), param(…), notUsed() or a text`)
}

function createArguments(sources: ReadonlyMap<string, ArgumentSource>, content: RequestContent): FindArgument {
  let found: Map<string, Argument> | undefined
  let input: ArgumentInput | undefined
  return (name) => {
    const source = sources.get(name)
    if (source === undefined) return { state: 'undeclared' }
    found ??= new Map()
    input ??= { request: content.request, proof: content.proof, document: lazily(() => parseBody(content)) }
    const argument = found.get(name) ?? source.read(input)
    found.set(name, argument)
    return argument
  }
}

/**
 * The body as JSON, where a parser that goes by Content-Type reads the same: JSON in UTF-8, not compressed. `undefined`
 * otherwise.
 */
function parseBody({ request, body }: RequestContent): { readonly root: unknown } | undefined {
  const { headers } = request
  if (body === undefined || !isJsonType(headers.only('content-type'))) return undefined
  if (headers.has('content-encoding') && headers.only('content-encoding') !== 'identity') return undefined
  try {
    return { root: parseStrictJson(body, BODY_JSON) }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function lazily<Value>(read: () => Value): () => Value {
  let known: { readonly value: Value } | undefined
  return () => {
    known ??= { value: read() }
    return known.value
  }
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json *(?:; *charset="?utf-8"? *)?$/i

/** Whether a Content-Type says JSON in UTF-8, and nothing that a parser might read differently. */
export function isJsonType(contentType: string | undefined): boolean {
  return contentType !== undefined && JSON_TYPE.test(contentType)
}
