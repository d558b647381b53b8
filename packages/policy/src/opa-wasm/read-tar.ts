import { gunzipSync } from 'node:zlib'
import { BundleRefused } from './bundle-refused.ts'

const BLOCK = 512
const MAX_FILES = 1_000

/** Where a header has what (POSIX ustar). */
const NAME = [0, 100] as const
const SIZE = [124, 136] as const
const TYPE = 156
const PREFIX = [345, 500] as const

/**
 * Reads the files of a gzipped tar archive, as `opa build` writes it. Nothing is written anywhere; names that leave the archive,
 * that occur twice, or that are no plain files are refused.
 * @throws {@link BundleRefused}
 */
export function readTarGz(bytes: Uint8Array, maxBytes: number): ReadonlyMap<string, Buffer> {
  const archive = unzip(bytes, maxBytes)
  const files = new Map<string, Buffer>()
  let at = 0
  while (at + BLOCK <= archive.length) {
    const header = archive.subarray(at, at + BLOCK)
    at += BLOCK
    if (header.every((byte) => byte === 0)) break
    const size = sizeIn(header)
    const content = archive.subarray(at, at + size)
    if (content.length < size) throw new BundleRefused('the archive is cut off')
    at += Math.ceil(size / BLOCK) * BLOCK
    if (isFolder(header)) continue
    const name = nameIn(header)
    if (files.has(name) || files.size >= MAX_FILES)
      throw new BundleRefused('a file occurs twice, or there are too many')
    files.set(name, content)
  }
  return files
}

function unzip(bytes: Uint8Array, maxOutputLength: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength })
  } catch (cause) {
    throw new BundleRefused('the bundle is no gzip, or too large', cause)
  }
}

function sizeIn(header: Buffer): number {
  const digits = textIn(header, SIZE).trim()
  if (!/^[0-7]{1,11}$/.test(digits)) throw new BundleRefused('a header has no size')
  return Number.parseInt(digits, 8)
}

function isFolder(header: Buffer): boolean {
  const type = String.fromCharCode(header[TYPE] ?? 0)
  if (type === '5') return true
  if (type === '0' || type === '\0') return false
  throw new BundleRefused('the archive holds more than plain files')
}

function nameIn(header: Buffer): string {
  const prefix = textIn(header, PREFIX)
  const whole = `${prefix === '' ? '' : `${prefix}/`}${textIn(header, NAME)}`
  const name = whole.replace(/^(?:\.?\/)+/, '')
  const parts = name.split('/')
  if (name === '' || parts.some((part) => part === '' || part === '..' || part === '.' || part === '__proto__')) {
    throw new BundleRefused('a name leaves the archive')
  }
  return name
}

function textIn(header: Buffer, [from, to]: readonly [number, number]): string {
  const text = header.toString('latin1', from, to)
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}
