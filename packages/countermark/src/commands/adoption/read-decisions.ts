import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { CommandError, hasCode } from '../errors.ts'
import type { Terminal } from '../terminal.ts'

/** What a line of an audit trail, or of an event stream, tells of one decision: docs/protocol/audit-record.md. */
export interface SeenDecision {
  readonly type: 'decision'
  readonly requestId: string
  readonly atMs: number
  readonly decision: 'allow' | 'deny' | 'observe'
  readonly check: string
  readonly code: string | undefined
  /** The guard only observes, for this caller at least. */
  readonly isObserving: boolean
  /** Proven by a credential. */
  readonly agent: string | undefined
  readonly scheme: string | undefined
  /** Whose key a refused request named. */
  readonly claimedAgent: string | undefined
  readonly method: string
  readonly route: string | undefined
}

/** How a request ended; it knows the route where a guard in front of the router does not. */
export interface SeenOutcome {
  readonly type: 'outcome'
  readonly requestId: string
  readonly route: string | undefined
}

/** A line that a report is made of. */
export type SeenRecord = SeenDecision | SeenOutcome

/**
 * Reads files line by line, or standard input for `-`; what is no decision is passed over.
 * @throws {@link CommandError}
 */
export async function* readDecisions(files: readonly string[], terminal: Terminal): AsyncGenerator<SeenRecord> {
  for await (const line of readLines(files, terminal)) {
    const seen = readRecord(line)
    if (seen !== undefined) yield seen
  }
}

/**
 * The lines of files, one file after the other; standard input for `-`.
 * @throws {@link CommandError}
 */
export async function* readLines(files: readonly string[], { folder, stdin }: Terminal): AsyncGenerator<string> {
  for (const file of files) {
    const input = file === '-' ? stdin : createReadStream(resolve(folder, file))
    try {
      yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
    } catch (error) {
      if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EISDIR') && !hasCode(error, 'EACCES')) throw error
      throw new CommandError(`${file} cannot be read`, 'name files of the audit trail or of an event stream')
    }
  }
}

type Json = Readonly<Record<string, unknown>>

function readRecord(line: string): SeenRecord | undefined {
  const record = memberOf(parse(line), 'record')
  const requestId = textOf(record, 'requestId')
  if (record === undefined || requestId === undefined) return undefined
  if (record['type'] === 'outcome') return { type: 'outcome', requestId, route: textOf(record, 'route') }
  return record['type'] === 'decision' ? readDecision(record, requestId) : undefined
}

function readDecision(record: Json, requestId: string): SeenDecision | undefined {
  const atMs = Date.parse(textOf(record, 'at') ?? '')
  const { decision } = record
  if (Number.isNaN(atMs) || (decision !== 'allow' && decision !== 'deny' && decision !== 'observe')) return undefined
  const agent = memberOf(record, 'agent')
  return {
    ...{ type: 'decision', requestId, atMs, decision },
    check: textOf(record, 'check') ?? '',
    code: textOf(record, 'code'),
    isObserving: decision === 'observe' || record['mode'] === 'observe',
    agent: textOf(agent, 'id'),
    scheme: textOf(agent, 'scheme'),
    claimedAgent: textOf(record, 'claimedAgent'),
    method: textOf(memberOf(record, 'action'), 'method') ?? '',
    route: textOf(memberOf(record, 'resource'), 'route'),
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // A line that was cut off, or another log.
    return undefined
  }
}

function memberOf(value: unknown, name: string): Json | undefined {
  const member = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return typeof member === 'object' && member !== null && !Array.isArray(member) ? member : undefined
}

function textOf(value: Json | undefined, name: string): string | undefined {
  const member = value?.[name]
  // Callers choose some of it: neither a terminal nor a page may obey what stands in a name.
  return typeof member === 'string' ? member.replace(/\p{C}/gu, '\uFFFD') : undefined
}
