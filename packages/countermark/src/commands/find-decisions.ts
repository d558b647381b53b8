import { readFileSync } from 'node:fs'

/** A decision as the audit trail has it: docs/protocol/audit-record.md. */
export interface FoundDecision {
  readonly at: string
  readonly method: string
  /** Path and query, unless they were erased: then the route. */
  readonly target: string
  readonly decision: string
  readonly check: string
  readonly code: string | undefined
  readonly reason: string | undefined
}

/** The decisions on a request in one file of a trail. Whether the trail is as it was written, `audit verify` says. */
export function findDecisions(file: string, requestId: string): readonly FoundDecision[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.includes(requestId))
    .flatMap((line) => readDecision(line, requestId) ?? [])
}

function readDecision(line: string, requestId: string): FoundDecision | undefined {
  const document = parse(line)
  const record = memberOf(document, 'record')
  if (memberOf(record, 'requestId') !== requestId || memberOf(record, 'type') !== 'decision') return undefined
  const action = memberOf(record, 'action')
  const target = memberOf(memberOf(memberOf(document, 'private'), 'target'), 'value')
  return {
    at: textOf(record, 'at') ?? '',
    method: textOf(action, 'method') ?? '',
    target: typeof target === 'string' ? target : (textOf(memberOf(record, 'resource'), 'route') ?? ''),
    decision: textOf(record, 'decision') ?? '',
    check: textOf(record, 'check') ?? '',
    code: textOf(record, 'code'),
    reason: textOf(record, 'reason'),
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function textOf(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name)
  return typeof member === 'string' ? member : undefined
}
