import { createHeaderFields } from '@countermark/core'
import fc from 'fast-check'
import { createSignatureSync } from 'http-message-sig'
import { derivedComponent, fieldComponent, type ParsedOnce } from '../../src/http/component-values.ts'
import { createSignatureInput } from '../../src/http/sign.ts'
import { createSignatureBase, parseSignatureInput, type SignableRequest } from '../../src/index.ts'

type Lines = readonly (readonly [string, string])[]

const NAMES = ['x-a', 'x-b', 'x-c', 'x-empty']
const VALUE = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
const LINES: fc.Arbitrary<Lines> = fc.array(fc.tuple(fc.constantFrom(...NAMES, 'X-A', 'X-Other'), VALUE), {
  maxLength: 8,
})
const TARGET = fc
  .tuple(fc.webPath(), fc.option(fc.webQueryParameters({ size: 'small' }), { nil: undefined }))
  .map(([path, query]) => `/${path.slice(1)}${query === undefined ? '' : `?${query}`}`)
const DERIVED = ['@method', '@authority', '@scheme', '@target-uri', '@request-target', '@path', '@query']

const COMPONENTS = fc.uniqueArray(fc.constantFrom(...DERIVED, ...NAMES))

describe('createSignatureBase', () => {
  it('writes the text that another library writes', () => {
    fc.assert(
      fc.property(LINES, TARGET, COMPONENTS, VALUE, (lines, target, components, nonce) => {
        const request = aRequest({ target, lines: [...NAMES.map((name) => [name, 'v'] as const), ...lines] })
        const input = createSignatureInput({ components, created: 1_618_884_473, nonce, keyid: 'k' })
        expect(createSignatureBase(request, input)).toBe(otherBase(request, components, nonce))
      }),
    )
  })

  it('makes another text for another request, so that no change goes unnoticed', () => {
    fc.assert(
      fc.property(LINES, LINES, (before, after) => {
        const [first, second] = [combined(before), combined(after)]
        const input = createSignatureInput({ components: NAMES, created: 1 })
        const bases = [first, second].map((values) => createSignatureBase(aRequest({ lines: [...values] }), input))
        expect(bases[0] === bases[1]).toBe(JSON.stringify([...first]) === JSON.stringify([...second]))
      }),
    )
  })

  it('signs unknown parameters as they came, in their order', () => {
    const [input] = parseSignatureInput(['s=("@method");app="x y";created=1;odd=tok/en;d=1.50;n;b=:YQ==:'])
    expect(input && createSignatureBase(aRequest({}), input)).toBe(
      '"@method": GET\n"@signature-params": ("@method");app="x y";created=1;odd=tok/en;d=1.5;n;b=:YQ==:',
    )
  })

  it.each([
    ['a line break in a value', { lines: [['x-a', 'v\n"x-b": forged']] }, ['x-a']],
    ['bytes beyond ASCII', { lines: [['x-a', 'caf\xe9']] }, ['x-a']],
    ['an absolute-form target', { target: 'http://evil.example/' }, ['@path']],
    ['a target in authority-form', { target: 'evil.example:80' }, ['@target-uri']],
    ['a response component', {}, ['@status']],
    ['a request component of a request', {}, ['@method;req']],
    ['a repeated query parameter', { target: '/?a=1&b=2&a=3' }, ['@query-param;name="a"']],
    ['a query that is not percent-encoded', { target: '/?a=%zz' }, ['@query-param;name="a"']],
    ['a query that is not UTF-8', { target: '/?a=%ff' }, ['@query-param;name="a"']],
    ['a field of no known type marked sf', { lines: [['x-a', '1']] }, ['x-a;sf']],
    ['a member of what is no dictionary', { lines: [['x-a', '?']] }, ['x-a;key="a"']],
  ] as const)('refuses %s as malformed', (_name, request, components) => {
    const input = createSignatureInput({ components })
    expect(() => createSignatureBase(aRequest(request), input)).toThrow(
      expect.objectContaining({ code: 'signature_malformed' }),
    )
  })

  it.each(['x-absent', '__proto__', 'constructor', 'x-d;key="b"', 'x-d;tr', '@query-param;name="a"'])(
    'finds the signature invalid when %s is missing',
    (component) => {
      const input = createSignatureInput({ components: [component] })
      expect(() => createSignatureBase(aRequest({ lines: [['x-d', 'a=1']] }), input)).toThrow(
        expect.objectContaining({ code: 'signature_invalid' }),
      )
    },
  )

  it('knows the types of registered fields, and of those it is told', () => {
    const lines = [
      ['priority', 'u=1,  i=?1'],
      ['x-list', '1,  2'],
    ] as const
    const input = createSignatureInput({ components: ['priority;sf', 'x-list;sf'], created: 1 })
    expect(createSignatureBase(aRequest({ lines }), input, { fieldTypes: { 'x-list': 'list' } })).toBe(
      '"priority";sf: u=1, i\n"x-list";sf: 1, 2\n"@signature-params": ("priority";sf "x-list";sf);created=1',
    )
  })
})

describe('ParsedOnce', () => {
  it('parses a field and a query once, however many of their members are covered', () => {
    const parsed: ParsedOnce = {}
    const request = aRequest({ target: '/?a=1&b=2&b=3', lines: [['x-a', 'a=1, b=2']] })
    const plain = { strict: false, wrapped: false, trailer: false }
    const readers = [
      ...['a', 'b'].map((member) => fieldComponent('x-a', { ...plain, member }, new Map())),
      derivedComponent('@query-param', 'a'),
    ]
    const [once, again] = [1, 2].map(() => {
      const values = readers.map((read) => read?.(request, parsed))
      return { values, members: parsed.dictionaries?.get('a=1, b=2'), pairs: parsed.queries?.get('?a=1&b=2&b=3') }
    })
    expect(once?.values).toEqual(['1', '2', '1'])
    expect(again?.values).toEqual(once?.values)
    expect(again?.members).toBe(once?.members)
    expect(again?.pairs).toBe(once?.pairs)
    expect([...(once?.members ?? []), ...(once?.pairs ?? [])]).toEqual([
      ['a', '=1'],
      ['b', '=2'],
      ['a', '1'],
      ['b', undefined],
    ])
  })
})

describe('createSignatureInput', () => {
  it.each([
    ['@unknown'],
    ['@signature-params'],
    ['@method;sf'],
    ['@query-param'],
    ['@query-param;name="%zz"'],
    ['@query-param;name="%c3%a7"'],
    ['Content-Type'],
    ['x a'],
    ['x-a;unknown'],
    ['x-a;sf=?0'],
    ['x-a;key'],
    ['x-a;bs;sf'],
    ['x-a;bs;key="a"'],
    ['x-a;key="a";key="a"'],
    ['@status;req'],
  ])('does not cover %s', (component) => {
    expect(() => createSignatureInput({ components: [component] })).toThrow(
      expect.objectContaining({ code: 'signature_malformed' }),
    )
  })

  it('covers no component twice, whatever the order of its parameters', () => {
    const components = ['x-a;req;key="a"', 'x-a;key="a";req']
    expect(() => createSignatureInput({ components })).toThrow('covered twice')
  })

  it('covers 32 components and no more', () => {
    const components = Array.from({ length: 33 }, (_, index) => `x-${index}`)
    expect(createSignatureInput({ components: components.slice(1) }).list.components).toHaveLength(32)
    expect(() => createSignatureInput({ components })).toThrow('at most 32')
  })

  it.each([{ created: 1.5 }, { expires: -1 }, { nonce: 'a\nb' }, { keyid: 'caf\xe9' }, { label: 'Sig' }])(
    'does not state %p',
    (parameters) => {
      expect(() => createSignatureInput({ components: ['@method'], ...parameters })).toThrow(
        expect.objectContaining({ code: 'signature_malformed' }),
      )
    },
  )
})

describe('parseSignatureInput', () => {
  it('reads labels from several lines', () => {
    const inputs = parseSignatureInput(['a=("@method");created=1', 'b=();keyid="x\\"y"'])
    expect(inputs.map(({ label, parameters }) => [label, parameters.created, parameters.keyid])).toEqual([
      ['a', 1, undefined],
      ['b', undefined, 'x"y'],
    ])
  })

  it('tells which components are covered exactly', () => {
    const [input] = parseSignatureInput(['a=("@method" "content-digest";key="sha-256" "x";req)'])
    const covered = ['@method', 'content-digest', 'content-digest;key="sha-256"', 'x', 'x;req', '"@method"']
    expect(covered.map((component) => input?.list.covers(component))).toEqual([true, false, true, false, true, false])
  })

  it.each([
    ['a=("@method"), a=("@path")'],
    ['a=("@method");created=1;created=2'],
    ['a="@method"'],
    ['a'],
    ['a=(token)'],
    ['a=("@method"'],
    ['a=("@method);created=1'],
    ['A=("@method")'],
    ['a=("@method");keyId="k"'],
    ['a=("@method");created="1"'],
    ['a=("@method");created=1.0'],
    ['a=("@method");created=@1'],
    ['a=("@method");created=-1'],
    ['a=("@method");keyid=token'],
    ['a=("@method");nonce=1'],
    ['a=("@method" "@method")'],
    [`a=("x-${'y'.repeat(8192)}")`],
  ])('refuses %.40s', (line) => {
    expect(() => parseSignatureInput([line])).toThrow(expect.objectContaining({ code: 'signature_malformed' }))
  })

  it('reads a long field only in canonical form', () => {
    const components = Array.from({ length: 30 }, (_, index) => `"x-${index}${'y'.repeat(90)}"`)
    expect(parseSignatureInput([`a=(${components.join(' ')})`])).toHaveLength(1)
    expect(() => parseSignatureInput([`a=(${components.join('  ')})`])).toThrow('must be in canonical form')
  })

  it('sees a label that occurs again on another line', () => {
    expect(() => parseSignatureInput(['a=("@method")', 'a=("@path")'])).toThrow(
      expect.objectContaining({ code: 'signature_malformed' }),
    )
  })
})

function aRequest({ target = '/', lines = [] }: { readonly target?: string; readonly lines?: Lines }): SignableRequest {
  const headers = createHeaderFields(lines.flat())
  return { method: 'GET', scheme: 'https', authority: 'api.example.com', target, headers }
}

/** One line for each name, as a proxy may join them. */
function combined(lines: Lines): ReadonlyMap<string, string> {
  return new Map(
    NAMES.map((name) => {
      const values = lines
        .filter(([field]) => field.toLowerCase() === name)
        .map(([, value]) => value.replace(/^ +| +$/g, ''))
      return [name, values.join(', ')]
    }),
  )
}

function otherBase(request: SignableRequest, components: readonly string[], nonce: string): string {
  let base = ''
  const fields = [...request.headers.names()].flatMap((name) =>
    request.headers.lines(name).map((value) => ({ name, value })),
  )
  const targetUri = `https://api.example.com${request.target}`
  createSignatureSync(
    { kind: 'request', method: 'GET', targetUri, requestTarget: request.target, fields },
    {
      label: 'sig1',
      components,
      parameters: { created: 1_618_884_473, nonce, keyid: 'k' },
      signer: {
        algorithm: 'ed25519',
        sign: (data) => {
          base = Buffer.from(data).toString('latin1')
          return new Uint8Array(64)
        },
      },
    },
  )
  return base
}
