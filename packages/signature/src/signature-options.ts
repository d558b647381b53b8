import { type KeySource, Misconfigured } from '@countermark/core'
import {
  custom,
  type JsonValue,
  methods,
  optionTable,
  type SignatureAlgorithm,
  undescribed,
  word,
} from '@countermark/core/internal'
import { httpSignatures } from './http/http-signatures.ts'
import { HTTP_SIGNATURES_OPTIONS } from './http/settings.ts'
import { ALGORITHMS, KEYS, REVOCATIONS } from './options.ts'
import { followRevocations, type SignerRevocations } from './revocations.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import { simpleHeaders } from './simple/simple-headers.ts'
import { createVerificationQueue, type VerificationQueue } from './verification-queue.ts'

/** Options of `verifySignature`. */
export interface VerifySignatureOptions {
  /** Where public keys come from. */
  readonly keys: KeySource
  /** The forms to accept. @default [httpSignatures(), simpleHeaders({ version: 1 })] */
  readonly accept?: readonly SignatureScheme[]
  /** Narrows what the forms allow. @default what each form allows */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** Revoked agents and keys are refused at once, and key sources forget them. @default what the key sources say */
  readonly revocations?: SignerRevocations
  /** Says that replays are caught somewhere else; without it the guard must also hold a check that catches them. */
  readonly replay?: 'elsewhere'
  /** Spreads verification under load; guards may share one. @default createVerificationQueue() */
  readonly queue?: VerificationQueue
}

/** The same after validation. */
export interface SignatureSettings {
  readonly keys: KeySource
  readonly accept: readonly SignatureScheme[]
  readonly algorithms: readonly SignatureAlgorithm[] | undefined
  readonly revocations: SignerRevocations | undefined
  readonly replay: 'elsewhere' | undefined
  readonly queue: VerificationQueue
  /** How it was set up: part of the configuration hash. */
  readonly description: Readonly<Record<string, JsonValue>>
}

const OPTIONS = optionTable('verifySignature', {
  keys: KEYS,
  accept: undescribed(
    custom((_name, given = [httpSignatures(), simpleHeaders({ version: 1 })]) => requireForms(given)),
  ),
  algorithms: custom((name, given) => (given === undefined ? undefined : ALGORITHMS.read(name, given, ''))),
  revocations: REVOCATIONS,
  replay: word(['elsewhere']),
  queue: undescribed(methods<VerificationQueue>(['verify'])),
})

/** Validates what was chosen. @throws Misconfigured */
export function readSignatureOptions(options: VerifySignatureOptions): SignatureSettings {
  refuseOptionsOfForms(options)
  const { queue = createVerificationQueue(), ...settings } = OPTIONS.read(options)
  followRevocations(settings.revocations, settings.keys)
  const accept = settings.accept.map((form) => ({ name: form.name, settings: form.settings ?? {} }))
  return { ...settings, queue, description: { ...OPTIONS.describe(options), accept } }
}

function requireForms(given: unknown): readonly SignatureScheme[] {
  if (Array.isArray(given) && given.length > 0) return given
  throw new Misconfigured('ERR_OPTION_INVALID', 'accept must list at least one form, such as httpSignatures()')
}

/** What a form decides, written where the check is made: the names are right, so the remedy is known. */
function refuseOptionsOfForms(options: VerifySignatureOptions): void {
  if (typeof options !== 'object' || options === null) return
  const stray = Object.keys(options).find(
    (name) => !OPTIONS.names.some((own) => own === name) && HTTP_SIGNATURES_OPTIONS.includes(name),
  )
  if (stray === undefined) return
  const fix = `write accept: [httpSignatures({ ${stray} })]`
  throw new Misconfigured('ERR_OPTION_UNKNOWN', `verifySignature has no option ${stray}; ${fix}`)
}
