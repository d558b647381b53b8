import { promisify } from 'node:util'
import { inflate } from 'node:zlib'
import { decodeBase64url } from '@countermark/core/internal'
import { OutboundError } from '@countermark/outbound'
import { isJsonObject, ownMember } from './strict-json.ts'

/** The statuses of many tokens. */
export interface StatusList {
  /** `undefined` beyond the end of the list. 0 is valid, everything else is not. */
  readonly at: (index: number) => number | undefined
}

const inflateAsync = promisify(inflate)

const WIDTHS = [1, 2, 4, 8]
const MAX_BYTES = 5 * 1024 * 1024

/**
 * Opens the `status_list` of a Token Status List (draft-ietf-oauth-status-list section 4): zlib in base64url, so many bits a
 * status, the first one in the lowest bits.
 * @throws OutboundError `malformed`, `too_large`
 */
export async function openStatusList(value: unknown): Promise<StatusList> {
  if (!isJsonObject(value)) throw new OutboundError('malformed', 'expected a status_list')
  const [bits, packed] = ['bits', 'lst'].map((name) => ownMember(value, name))
  const compressed = typeof packed === 'string' ? decodeBase64url(packed) : undefined
  if (typeof bits !== 'number' || !WIDTHS.includes(bits) || compressed === undefined) {
    throw new OutboundError('malformed', 'expected bits of 1, 2, 4 or 8 and lst in base64url')
  }
  const bytes = await inflateBounded(compressed)
  const perByte = 8 / bits
  const mask = 2 ** bits - 1
  return {
    at: (index) => {
      const byte = bytes[Math.floor(index / perByte)]
      return byte === undefined ? undefined : (byte >> ((index % perByte) * bits)) & mask
    },
  }
}

async function inflateBounded(compressed: Uint8Array): Promise<Uint8Array> {
  try {
    return await inflateAsync(compressed, { maxOutputLength: MAX_BYTES })
  } catch (cause) {
    const isTooLarge = cause instanceof RangeError
    throw new OutboundError(isTooLarge ? 'too_large' : 'malformed', 'the status list cannot be inflated', { cause })
  }
}
