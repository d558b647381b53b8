import { CommandError } from './errors.ts'
import type { DescribedRequest } from './request-arguments.ts'
import type { SignedHeaders } from './signed-request.ts'

/** What a shell has to know to sign the request by itself. */
export interface RecipeInput {
  readonly request: DescribedRequest
  /** The fields of the request, signed once: they name the components and the key. */
  readonly headers: SignedHeaders
  /** The file of the private key. */
  readonly keyFile: string
}

const SIGNATURE_FIELDS = new Set(['signature', 'signature-input', 'content-digest'])

/**
 * The same request with openssl and curl alone (RFC 9421 section 2.5): each run takes a time and a nonce of its own.
 * @throws CommandError for keys whose signatures openssl writes in another form
 */
export function writeShellRecipe({ request, headers, keyFile }: RecipeInput): string {
  const { components, parameters } = readSignatureInput(headers)
  const text = request.body?.toString('utf8')
  const fields = headers.filter(([name]) => !SIGNATURE_FIELDS.has(name.toLowerCase()))
  const base = components.map((name) => `"${name}": ${componentValue(name, request, fields)}`)
  return [
    `CREATED=$(date +%s) NONCE=$(openssl rand -hex 16)`,
    ...(text === undefined
      ? []
      : [
          `BODY=${quote(text)}`,
          'DIGEST="sha-256=:$(printf %s "$BODY" | openssl dgst -sha256 -binary | openssl base64 -A):"',
        ]),
    `INPUT="(${components.map((name) => `\\"${name}\\"`).join(' ')})${parameters}"`,
    `printf ${quote([...base, '"@signature-params": %s'].join('\n'))}${text === undefined ? '' : ' "$DIGEST"'} "$INPUT" > to-sign`,
    [
      `curl -i -X ${request.method} ${quote(request.url)}`,
      ...fields.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
      ...(text === undefined ? [] : ['-H "Content-Digest: $DIGEST" --data-raw "$BODY"']),
      '-H "Signature-Input: sig1=$INPUT"',
      `-H "Signature: sig1=:$(openssl pkeyutl -sign -rawin -in to-sign -inkey ${quote(keyFile)} | openssl base64 -A):"`,
    ].join(' \\\n  '),
  ].join('\n')
}

interface Input {
  readonly components: readonly string[]
  /** With shell variables where time and nonce go. */
  readonly parameters: string
}

function readSignatureInput(headers: SignedHeaders): Input {
  const value = headers.find(([name]) => name.toLowerCase() === 'signature-input')?.[1] ?? ''
  const match = /^[a-z0-9]+=\(([^)]*)\);(.*)$/.exec(value)
  if (match === null) throw new CommandError('only the form httpsig has this recipe', 'leave --form out')
  const [, list = '', rest = ''] = match
  const keyId = /keyid="([^"]*)"/.exec(rest)?.[1] ?? ''
  return {
    components: [...list.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
    parameters: `;created=$CREATED;expires=$((CREATED + 60));nonce=\\"$NONCE\\";keyid=\\"${keyId}\\";tag=\\"agent-auth\\"`,
  }
}

/** The value of a component, as `printf` takes it: the digest is filled in by the shell. */
function componentValue(name: string, { method, url }: DescribedRequest, fields: SignedHeaders): string {
  if (name === 'content-digest') return '%s'
  const { host, pathname, search } = new URL(url)
  const derived: Readonly<Record<string, string>> = {
    '@method': method,
    '@authority': host,
    '@path': pathname,
    '@query': search || '?',
  }
  const value = derived[name] ?? fields.find(([field]) => field.toLowerCase() === name)?.[1]
  if (value === undefined) throw new CommandError(`the recipe does not know the component ${name}`)
  return value.replaceAll('%', '%%').replaceAll('\\', '\\\\')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
