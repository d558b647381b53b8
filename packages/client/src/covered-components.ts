import { SECURITY_FIELDS } from '@countermark/signature'
import { CREDENTIAL_FIELDS } from './credential-fields.ts'

/** Fields that decide what a request does, covered whenever they are sent. Of `Signature-Agent` our own member is. */
const FIELDS_TO_COVER: readonly string[] = SECURITY_FIELDS.filter((name) => name !== 'signature-agent')

/** What a request is made of, as far as it matters to what its signature covers. */
export interface CoverageInput {
  /** Lower-case names of all fields. */
  readonly fields: ReadonlySet<string>
  readonly hasQuery: boolean
  readonly hasContent: boolean
  readonly label: string
  /** Further fields to cover when they are sent. */
  readonly cover: readonly string[]
  /** What the receiver asks for, exactly. */
  readonly asked: readonly string[] | undefined
}

/**
 * What a signature covers: what was asked for, in that order, or else everything that matters. A receiver cannot have
 * less than what ties the signature to method, URL, content and credentials: what it leaves out of these is added.
 */
export function chooseComponents(input: CoverageInput): readonly string[] {
  const { asked, fields, cover } = input
  if (asked === undefined) {
    const present = [...FIELDS_TO_COVER, ...cover].filter((name) => fields.has(name))
    return [...new Set([...indispensable(input), ...present])]
  }
  const covered = new Set(asked)
  if (covered.has('@target-uri')) for (const part of ['@authority', '@path', '@query']) covered.add(part)
  return [...asked, ...indispensable(input).filter((component) => !covered.has(component))]
}

function indispensable({ fields, hasQuery, hasContent, label }: CoverageInput): readonly string[] {
  return [
    '@method',
    '@authority',
    '@path',
    ...(hasQuery ? ['@query'] : []),
    ...(hasContent ? ['content-digest'] : []),
    ...CREDENTIAL_FIELDS.filter((name) => fields.has(name)),
    ...(fields.has('signature-agent') ? [`signature-agent;key="${label}"`] : []),
  ]
}
