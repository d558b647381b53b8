import { gzipSync } from 'node:zlib'
import { decodeUnlessAccepted } from '../src/content-coding.ts'

const TEXT = Buffer.from('{"id":1}')
const answer = {
  status: 200,
  headers: [
    ['Content-Encoding', 'gzip'],
    ['ETag', '"a"'],
    ['Content-Digest', 'sha-256=:AAAA:'],
    ['Repr-Digest', 'sha-256=:AAAA:'],
    ['Vary', 'Accept-Encoding'],
  ] as const,
  body: gzipSync(TEXT),
}

describe('a kept answer', () => {
  it('that is decoded says nothing more of the bytes that were encoded', () => {
    const { headers, body } = decodeUnlessAccepted(answer, 'identity')
    expect(Buffer.from(body)).toEqual(TEXT)
    expect(headers).toEqual([['Vary', 'Accept-Encoding']])
  })

  it('that is taken as it is stays as it is', () => {
    expect(decodeUnlessAccepted(answer, 'gzip')).toBe(answer)
  })
})
