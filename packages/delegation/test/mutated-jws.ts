type Random = (below: number) => number

/** One way to change a JWS; `other` is honest, too, and by another key. */
type Mutation = (text: string, other: string, random: Random) => string

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** What lenient decoders skip or take for something else. */
const ODD = ['=', '.', '+', '/', ' ', '\n', '\t', '\0', '%3D', 'é', '\u0430', '\ud800', '"']

/** The order of P-256 and of Ed25519's base point: a signature has a twin in each. */
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** What is done to tokens and proofs that an honest signer made. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  nothing: (text) => text,
  'a character': (text, _other, random) => replaceAt(text, random(text.length), pick([...ALPHABET], random)),
  'an odd character': (text, _other, random) => replaceAt(text, random(text.length), pick(ODD, random)),
  'a character more': (text, _other, random) =>
    insertAt(text, random(text.length + 1), pick([...ALPHABET, ...ODD], random)),
  'a character less': (text, _other, random) => replaceAt(text, random(text.length), ''),
  'its last character': (text, _other, random) => replaceAt(text, text.length - 1, pick([...ALPHABET], random)),
  'padding behind it': (text, _other, random) => `${text}${'='.repeat(1 + random(3))}`,
  'a bit of the signature': (text, _other, random) =>
    withSignature(text, (bytes) => {
      const at = random(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
      return bytes
    }),
  'a shorter signature': (text, _other, random) =>
    withSignature(text, (bytes) => bytes.subarray(0, random(bytes.length))),
  'a longer signature': (text, _other, random) =>
    withSignature(text, (bytes) => Buffer.concat([bytes, Buffer.alloc(1 + random(3))])),
  'a signature of zeros': (text) => withSignature(text, (bytes) => Buffer.alloc(bytes.length)),
  'its twin over P-256': (text) =>
    withSignature(text, (bytes) =>
      Buffer.concat([bytes.subarray(0, 32), complement(bytes.subarray(32, 64), P256_ORDER)]),
    ),
  'its twin over Ed25519': (text) =>
    withSignature(text, (bytes) =>
      Buffer.concat([bytes.subarray(0, 32), raised(bytes.subarray(32, 64), ED25519_ORDER)]),
    ),
  'the identity as R': (text) =>
    withSignature(text, (bytes) => Buffer.concat([Buffer.from([1]), Buffer.alloc(31), bytes.subarray(32)])),
  'the signature of another one': (text, other) => join(partsOf(text).with(2, partsOf(other)[2] ?? '')),
  'the payload of another one': (text, other) => join(partsOf(text).with(1, partsOf(other)[1] ?? '')),
  'the header of another one': (text, other) => join(partsOf(text).with(0, partsOf(other)[0] ?? '')),
  'a part less': (text, _other, random) => join(partsOf(text).toSpliced(random(3), 1)),
  'a part more': (text, other, random) => join(partsOf(text).toSpliced(random(4), 0, pick(partsOf(other), random))),
  'an empty part': (text, _other, random) => join(partsOf(text).with(random(3), '')),
  'another algorithm': (text, _other, random) =>
    withHeader(text, (header) => ({
      ...header,
      alg: pick(['none', 'HS256', 'ES256', 'RS256', 'EdDSA', 'Ed25519', ''], random),
    })),
  'a member of its header': (text, _other, random) =>
    withHeader(text, (header) => ({
      ...header,
      ...pick([{ crit: ['b64'], b64: false }, { zip: 'DEF' }, { x: 1 }], random),
    })),
  'the spelling of its header': (text) =>
    join(partsOf(text).with(0, encode(` ${Buffer.from(partsOf(text)[0] ?? '', 'base64url').toString()}`))),
}

/** The same text in other letters: whether two texts decode to the same bytes, part by part. */
export function isSpeltAnew(text: string, original: string): boolean {
  const [parts, before] = [partsOf(text), partsOf(original)].map((all) =>
    all.map((part) => Buffer.from(part, 'base64url')),
  )
  return parts?.length === 3 && parts.every((part, index) => before?.[index]?.equals(part) === true)
}

function partsOf(text: string): string[] {
  return text.split('.')
}

function join(parts: readonly string[]): string {
  return parts.join('.')
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

function pick<Value>(values: readonly Value[], random: Random): Value {
  return values[random(values.length)] as Value
}

function replaceAt(text: string, at: number, by: string): string {
  return `${text.slice(0, at)}${by}${text.slice(at + 1)}`
}

function insertAt(text: string, at: number, what: string): string {
  return `${text.slice(0, at)}${what}${text.slice(at)}`
}

function withSignature(text: string, change: (bytes: Buffer) => Uint8Array): string {
  const parts = partsOf(text)
  const changed = change(Buffer.from(parts[2] ?? '', 'base64url'))
  return join(parts.with(2, Buffer.from(changed).toString('base64url')))
}

function withHeader(text: string, change: (header: object) => object): string {
  const parts = partsOf(text)
  return join(
    parts.with(0, encode(JSON.stringify(change(JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString()))))),
  )
}

/** The other solution: `order - s`, written highest byte first. */
function complement(bytes: Uint8Array, order: bigint): Buffer {
  const s = BigInt(`0x${Buffer.from(bytes).toString('hex').padEnd(64, '0')}`)
  return Buffer.from((s < order ? order - s : s).toString(16).padStart(64, '0'), 'hex')
}

/** The same remainder: `s + order`, written lowest byte first. */
function raised(bytes: Uint8Array, order: bigint): Buffer {
  const s = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex').padEnd(64, '0')}`)
  return Buffer.from(((s + order) & (2n ** 256n - 1n)).toString(16).padStart(64, '0'), 'hex').reverse()
}
