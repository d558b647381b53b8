import { writeFile } from 'node:fs/promises'
import type { EvidenceGrade } from '@countermark/core/internal'
import type { DecisionRecord } from '../record/audit-record.ts'
import { escapeLine, printable } from '../record/bounded-text.ts'
import type { EvidenceState } from '../verify/check-record.ts'
import { evidenceBundle, type FoundRecord, findRecord } from '../verify/find-record.ts'
import { type Command, commandAnchors, EXIT } from './command.ts'

/** `show ID FILE…`: one decision for a person, and with `--bundle` its evidence for a machine. */
export const showCommand: Command = async (input, { stdout }) => {
  const [id = '', ...files] = input.files
  if (files.length === 0) throw new TypeError('show needs the id of a record or a request, and the files of the trail')
  const anchors = await commandAnchors(input)
  const found = await findRecord(files, id, anchors)
  if (found === undefined) throw new TypeError(`no record ${JSON.stringify(id)} in these files`)
  stdout.write(recordText(found))
  for (const problem of anchors.problems) stdout.write(`${printable(`CHECKPOINT   ${problem}`)}\n`)
  const { bundle } = input.options
  // It holds personal data: its owner decides who may read it.
  if (typeof bundle === 'string') await writeFile(bundle, `${JSON.stringify(evidenceBundle(found))}\n`, { mode: 0o600 })
  return found.findings.length + anchors.problems.length === 0 ? EXIT.intact : EXIT.tampered
}

const GRADES: Readonly<Record<EvidenceGrade, string>> = {
  signature: 'the signature verifies with what the record holds',
  'signature+token': 'the signature covers a credential: its holder can complete and verify it',
  'signature+content': 'the signature covers the content alone: its holder can verify it',
  possession: 'the DPoP proof verifies: the key signed method, URL and token hash',
  bearer: 'only what the issuer said; this request is not signed',
  none: 'nothing was proven',
}

/** What is shown instead where evidence is not, or no longer, what its grade says. */
const STATES: Readonly<Partial<Record<EvidenceState, string>>> = {
  erased: 'what was signed was erased; nothing can be verified any more',
  false: 'DOES NOT VERIFY: the record proves nothing',
}

/** What a person reads about one record. Values of others are written as JSON: none of them acts on a terminal. */
export function recordText(found: FoundRecord): string {
  const { sealed, checkpoint, findings } = found
  const { record, chain, seq } = sealed
  const lines = record.type === 'decision' ? decisionLines(record, found) : [[record.type, quote(record)] as const]
  const anchor = checkpoint === undefined ? 'not anchored' : `anchored by record ${checkpoint.seq}, ${checkpoint.at}`
  const altered = findings.map(({ message }) => ['TAMPERED', message] as const)
  const where = ['chain', `${chain}, record ${seq}, ${anchor}`] as const
  const all = [['id', record.id] as const, ['at', record.at] as const, ...lines, where, ...altered]
  return all.map(([name, text]) => `${printable(`${(name === '' ? '' : `${name}:`).padEnd(13)}${text}`)}\n`).join('')
}

type Line = readonly [name: string, text: string]

function decisionLines(record: DecisionRecord, { sealed, outcome, evidence: state }: FoundRecord): readonly Line[] {
  const { action, agent, check, code, decision, evidence, policy, reason, resource, status } = record
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
    ...(policy === undefined ? [] : [['policy', policyText(policy)] as const]),
    ['intent', erasable('intent')],
    ['address', erasable('address')],
    ['agent', agent === undefined ? unproven(record) : `${quote(agent.id)}, ${agent.level} by ${agent.scheme}`],
    ...(agent?.thumbprint === undefined ? [] : [['key', agent.thumbprint] as const]),
    ...chainLines(record, sealed.private['user']?.value, sealed.private['actors']?.value),
    ['outcome', ended === undefined ? 'not recorded' : outcomeText(ended)],
    ['evidence', `${evidence.grade}: ${STATES[state] ?? gradeText(evidence.grade)}`],
    ['configured', record.configuration],
  ]
}

function policyText({ decision, engine, reason, revision }: NonNullable<DecisionRecord['policy']>): string {
  const told = [decision, `by ${engine}`, revision && `revision ${quote(revision)}`, reason && quote(reason)]
  return told.filter((part) => part !== undefined).join(', ')
}

/** A later version may know more of them. */
function gradeText(grade: string): string {
  return new Map<string, string>(Object.entries(GRADES)).get(grade) ?? 'unknown to this version'
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

/** The delegation chain as a tree: the user at its root, the actor that acts now at its tip. */
function chainLines(
  { delegation }: DecisionRecord,
  user: string | undefined,
  actors: string | undefined,
): readonly Line[] {
  if (delegation === undefined) return []
  const chain = actors === undefined ? ['(erased)'] : [...readActors(actors)].reverse()
  const branches = chain.map((actor, index) => ['', `${'   '.repeat(index)}└─ ${actor}`] as const)
  const { issuer, tokenId, scopes, expiresAt } = delegation
  const token = tokenId === undefined ? '' : ` (${quote(tokenId)})`
  return [
    ['for', user === undefined ? '(erased)' : quote(user)],
    ...branches,
    ['granted', `${quote(scopes)} until ${expiresAt} by ${quote(issuer)}${token}`],
  ]
}

/** A trail writes a list; any other text, which a trail never writes, shows as it is. */
function readActors(text: string): readonly string[] {
  try {
    const actors: unknown = JSON.parse(text)
    return Array.isArray(actors) ? actors.map((actor) => quote(Object(actor).id ?? null)) : [quote(text)]
  } catch {
    // Not JSON: not written by a trail.
    return [quote(text)]
  }
}

function erasableText(value: string | undefined, commitment: string | undefined): string {
  if (commitment === undefined) return '-'
  return value === undefined ? '(erased)' : quote(value)
}

function quote(value: unknown): string {
  return escapeLine(JSON.stringify(value))
}
