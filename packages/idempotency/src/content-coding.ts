import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import type { KeptAnswer } from './answer-store.ts'

type Decode = (body: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['br', brotliDecompressSync],
  ['deflate', inflateSync],
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
])

/** Fields about the encoded bytes, as a strong entity tag and digests are (RFC 9530 section 2). */
const OF_ENCODED: ReadonlySet<string> = new Set([
  'content-digest',
  'content-encoding',
  'content-md5',
  'digest',
  'etag',
  'repr-digest',
])

/** Decoded at once, on the event loop: an answer that unfolds to more goes out as it was kept. */
const MAX_DECODED_BYTES = 16_777_216

/**
 * The kept answer, decoded where it was encoded in a way that this request does not accept (RFC 9110 section 12.5.3). An
 * encoding that is not known here stays as it is: so the first request got it.
 */
export function decodeUnlessAccepted(answer: KeptAnswer, acceptEncoding: string | undefined): KeptAnswer {
  const coding = findField(answer, 'content-encoding')?.trim().toLowerCase()
  const decode = coding === undefined ? undefined : DECODERS.get(coding)
  if (coding === undefined || decode === undefined || accepts(coding, acceptEncoding)) return answer
  try {
    const body = decode(answer.body, { maxOutputLength: MAX_DECODED_BYTES })
    const headers = answer.headers.filter(([name]) => !OF_ENCODED.has(name.toLowerCase()))
    return { ...answer, headers, body }
  } catch {
    return answer // Not what it says it is: the first request got it so.
  }
}

function findField({ headers }: KeptAnswer, field: string): string | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === field)?.[1]
  return typeof value === 'string' ? value : undefined
}

/** A request without the field says nothing; most such clients decode nothing. */
function accepts(coding: string, acceptEncoding = ''): boolean {
  const offers = acceptEncoding.split(',').map((offer) =>
    offer
      .toLowerCase()
      .split(';')
      .map((part) => part.trim()),
  )
  const named = offers.find(([name]) => name === coding || `x-${name}` === coding || name === `x-${coding}`)
  const [, weight = 'q=1'] = named ?? offers.find(([name]) => name === '*') ?? ['', 'q=0']
  return Number(weight.replace(/^q=/, '')) > 0
}
