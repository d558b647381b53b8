import type { AuditActor, DecisionRecord, EvidenceGrade } from './audit-record.ts'
import { escapeLine } from './bounded-text.ts'
import type { FoundRecord } from './find-record.ts'

const GRADES: Readonly<Record<EvidenceGrade, string>> = {
  signature: 'anybody can verify the signature with what the record holds',
  'signature+token': 'the signature covers a credential: who holds that can complete and verify it',
  'signature+content': 'the signature covers the content alone: who holds that can verify it',
  possession: 'a DPoP proof: anybody can verify that the key signed method, URL and token hash',
  bearer: 'only what the issuer said; nobody signed this request',
  none: 'nothing was proven',
}

/** What a person reads about one record. Values of others are written as JSON: none of them acts on a terminal. */
export function recordText(found: FoundRecord): string {
  const { sealed, checkpoint } = found
  const { record, chain, seq } = sealed
  const lines = record.type === 'decision' ? decisionLines(record, found) : [[record.type, quote(record)] as const]
  const anchor = checkpoint === undefined ? 'not anchored' : `anchored by record ${checkpoint.seq}, ${checkpoint.at}`
  const all = [['id', record.id], ['at', record.at], ...lines, ['chain', `${chain}, record ${seq}, ${anchor}`]] as const
  return all.map(([name, text]) => `${printable(`${(name === '' ? '' : `${name}:`).padEnd(13)}${text}`)}\n`).join('')
}

type Line = readonly [name: string, text: string]

function decisionLines(record: DecisionRecord, { sealed, outcome }: FoundRecord): readonly Line[] {
  const { action, agent, check, code, decision, evidence, reason, resource, status } = record
  const erasable = (name: string): string => erasableText(sealed.private[name]?.value, record.commitments[name])
  const ended = outcome?.record.type === 'outcome' ? outcome.record : undefined
  return [
    ['decision', [decision.toUpperCase(), code, status, `by ${check}`].filter((part) => part !== undefined).join(' ')],
    ...(reason === undefined ? [] : [['reason', quote(reason)] as const]),
    ['request', record.requestId],
    ['action', `${quote(action.method)} on ${resource.authority}${resource.route ?? ''}`],
    ['target', erasable('target')],
    ...(action.capabilities === undefined ? [] : [['capability', quote(action.capabilities)] as const]),
    ...(action.approval === undefined ? [] : [['approval', quote(action.approval)] as const]),
    ['intent', erasable('intent')],
    ['address', erasable('address')],
    ['agent', agent === undefined ? unproven(record) : `${quote(agent.id)}, ${agent.level} by ${agent.scheme}`],
    ...(agent?.thumbprint === undefined ? [] : [['key', agent.thumbprint] as const]),
    ...chainLines(record, sealed.private['user']?.value, sealed.private['actors']?.value),
    ['outcome', ended === undefined ? 'not recorded' : outcomeText(ended)],
    ['evidence', `${evidence.grade}: ${GRADES[evidence.grade]}`],
    ['configured', record.configuration],
  ]
}

function unproven({ claimedAgent }: DecisionRecord): string {
  return claimedAgent === undefined ? 'unknown' : `unknown; says it is ${quote(claimedAgent)}`
}

function outcomeText({
  status,
  durationMs,
  aborted,
  unserved,
}: {
  readonly status: number
  readonly durationMs: number
  readonly aborted: boolean
  readonly unserved?: true | undefined
}): string {
  const ending = `${status} after ${durationMs} ms${aborted ? ', the client went away' : ''}`
  return unserved === true ? `${ending}, answered before the guard had decided: no handler ran` : ending
}

/** The chain of delegation as a tree: the user at its root, who acts now at its tip. */
function chainLines(
  { delegation }: DecisionRecord,
  user: string | undefined,
  actors: string | undefined,
): readonly Line[] {
  if (delegation === undefined) return []
  const hands =
    actors === undefined
      ? ['(erased)']
      : readActors(actors)
          .map(({ id }) => quote(id))
          .reverse()
  const branches = hands.map((hand, index) => ['', `${'   '.repeat(index)}└─ ${hand}`] as const)
  const { issuer, tokenId, scopes, expiresAt } = delegation
  const token = tokenId === undefined ? '' : ` (${quote(tokenId)})`
  return [
    ['for', user === undefined ? '(erased)' : quote(user)],
    ...branches,
    ['granted', `${quote(scopes)} until ${expiresAt} by ${quote(issuer)}${token}`],
  ]
}

/** Written by the record itself; what an eraser left there instead shows as nobody. */
function readActors(text: string): readonly AuditActor[] {
  const actors: unknown = JSON.parse(text)
  return Array.isArray(actors) ? actors : []
}

function erasableText(value: string | undefined, commitment: string | undefined): string {
  if (commitment === undefined) return '-'
  return value === undefined ? '(erased)' : quote(value)
}

/** Also of a record that somebody altered, nothing acts on a terminal. */
function printable(line: string): string {
  return escapeLine(line).replace(/\p{Cc}/gu, '?')
}

function quote(value: unknown): string {
  return escapeLine(JSON.stringify(value))
}
