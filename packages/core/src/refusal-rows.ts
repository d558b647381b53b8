import { requireNumber, requireObject, requireWord } from './internal/options.ts'
import { Misconfigured } from './misconfigured.ts'
import { REFUSAL_CODES, type RefusalRow } from './refusal-codes.ts'

/** Rows of packages outside this repository, by code. */
export type ForeignRows = Readonly<Record<string, RefusalRow>>

const OWN_ROWS: ForeignRows = REFUSAL_CODES
const NO_ROWS: ForeignRows = {}

/** The row of a code, from this repository or registered by `createGuard({ refusals })`; `undefined` for any other. */
export function rowOf(code: string, foreign: ForeignRows = NO_ROWS): RefusalRow | undefined {
  if (Object.hasOwn(OWN_ROWS, code)) return OWN_ROWS[code]
  return Object.hasOwn(foreign, code) ? foreign[code] : undefined
}

/**
 * Validates the rows of packages outside this repository: a refusal must be answered as one in every status mode.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function requireForeignRows(rows: ForeignRows): ForeignRows {
  requireObject('refusals', rows)
  for (const [code, row] of Object.entries(rows)) {
    if (Object.hasOwn(REFUSAL_CODES, code)) throw invalid(`refusals must not redefine ${code}`)
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(code)) throw invalid('refusal codes are snake_case words')
    requireRow(`refusals.${code}`, row)
  }
  return { ...rows }
}

const MEMBERS = ['title', 'status', 'wba', 'seed', 'signatureError', 'retry', 'type']

function requireRow(name: string, row: RefusalRow): void {
  requireObject(name, row, MEMBERS)
  const { title, status, wba = status, seed = status, signatureError = 'none', type = 'urn:none' } = row
  for (const [member, value] of Object.entries({ status, wba, seed })) {
    requireNumber(`${name}.${member}`, value, { min: 400, max: 599 })
    if (!Number.isInteger(value)) throw invalid(`${name}.${member} must be a whole number`)
  }
  requireWord(`${name}.retry`, row.retry, ['resign', 'later', 'no'])
  if (typeof title !== 'string' || title === '') throw invalid(`${name}.title must say in a few words what is wrong`)
  if (!/^[a-z][a-z_]*$/.test(signatureError)) throw invalid(`${name}.signatureError must be a snake_case word`)
  if (!/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/.test(type)) throw invalid(`${name}.type must be an absolute URI`)
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
