import { type KeySource, Misconfigured, requireKnownOptions } from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'
import { httpSignatures } from './http/http-signatures.ts'
import { HTTP_SIGNATURES_OPTIONS, requireAlgorithms } from './http/settings.ts'
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
export interface SignatureSettings extends Omit<VerifySignatureOptions, 'accept' | 'queue'> {
  readonly accept: readonly SignatureScheme[]
  readonly queue: VerificationQueue
}

const OPTIONS = ['keys', 'accept', 'algorithms', 'revocations', 'replay', 'queue']

/** Validates what was chosen. @throws Misconfigured */
export function readSignatureOptions(options: VerifySignatureOptions): SignatureSettings {
  refuseOptionsOfForms(options)
  requireKnownOptions('verifySignature', options, OPTIONS)
  const { keys, algorithms, replay, revocations, queue = createVerificationQueue() } = options
  const { accept = [httpSignatures(), simpleHeaders({ version: 1 })] } = options
  if (typeof keys?.findKeys !== 'function') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'keys must be a source of keys, such as staticKeys([…])')
  }
  followRevocations(revocations, keys)
  if (accept.length === undefined || accept.length === 0) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'accept must list at least one form, such as httpSignatures()')
  }
  if (replay !== undefined && replay !== 'elsewhere') {
    throw new Misconfigured('ERR_OPTION_INVALID', "replay can only be 'elsewhere'")
  }
  if (algorithms !== undefined) requireAlgorithms(algorithms)
  return { ...options, accept, queue }
}

/** What a form decides, written where the check is made: the names are right, so the remedy is known. */
function refuseOptionsOfForms(options: VerifySignatureOptions): void {
  if (typeof options !== 'object' || options === null) return
  const stray = Object.keys(options).find(
    (name) => !OPTIONS.includes(name) && HTTP_SIGNATURES_OPTIONS.some((option) => option === name),
  )
  if (stray === undefined) return
  const fix = `write accept: [httpSignatures({ ${stray} })]`
  throw new Misconfigured('ERR_OPTION_UNKNOWN', `verifySignature has no option ${stray}; ${fix}`)
}
