/** A request that is wrong, and what it gets. */
export interface MalformedRequest {
  readonly what: string
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly code: string
  /** The first of `errors`. */
  readonly pointer?: string
}

const AGENT = { tenant: 'acme', name: 'A', purpose: 'p', owners: ['jane'] }
const PERSON = { id: 'tom', name: 'Tom', ceiling: [] }
const ROLE = { caller: 'agent:agt_x', tenant: 'acme', role: 'auditor' }

/** Endpoints that take a body, with one that is good. */
const TAKING_BODIES: readonly (readonly [method: string, path: string, body: Readonly<Record<string, unknown>>])[] = [
  ['POST', '/tenants', { id: 'other', name: 'Other' }],
  ['POST', '/roles', ROLE],
  ['POST', '/roles/removal', ROLE],
  ['POST', '/tenants/acme/people', PERSON],
  ['PATCH', '/tenants/acme/people/jane', { name: 'Jane' }],
  ['PUT', '/tenants/acme/templates/reader', { ceiling: [] }],
  ['POST', '/agents', AGENT],
  ['PATCH', '/agents/agt_a', { name: 'B' }],
  ['POST', '/agents/agt_a/suspension', { reason: 'r' }],
  ['POST', '/agents/agt_a/enrolment-codes', {}],
  ['POST', '/agents/agt_a/rotation', { by: 1 }],
  ['POST', '/agents/agt_a/versions', { version: '2' }],
  ['POST', '/agents/agt_a/retirement', { reason: 'r' }],
]

const BODIES: readonly (readonly [what: string, change: (good: string) => Partial<MalformedRequest>])[] = [
  ['another media type', (text) => ({ text, headers: { 'content-type': 'text/plain' }, ...refused(415) })],
  ['a form', (text) => ({ text, headers: { 'content-type': 'application/x-www-form-urlencoded' }, ...refused(415) })],
  ['no content', () => ({ text: '', headers: { 'content-type': 'application/json' }, ...refused(400) })],
  ['half an object', () => ({ text: '{"a":', ...refused(400) })],
  ['a member twice', () => ({ text: '{"name":"a","name":"b"}', ...refused(400) })],
  ['a prototype', () => ({ text: '{"__proto__":{}}', ...refused(400) })],
  ['a byte order mark', (text) => ({ text: `\ufeff${text}`, ...refused(400) })],
  ['a list', () => ({ text: '[]', ...refused(422), pointer: '' })],
  ['null', () => ({ text: 'null', ...refused(422), pointer: '' })],
  ['a number', () => ({ text: '1', ...refused(422), pointer: '' })],
  ['an unknown member', (text) => ({ text: withMember(text, 'tenantId'), ...refused(422) })],
]

function refused(status: 400 | 415 | 422): Pick<MalformedRequest, 'status' | 'code'> {
  return { status, code: { 400: 'body_malformed', 415: 'media_type_unsupported', 422: 'input_invalid' }[status] }
}

function withMember(text: string, name: string): string {
  return JSON.stringify({ ...JSON.parse(text), [name]: 1 })
}

const WRONG_BODIES = TAKING_BODIES.flatMap(([method, path, good]) =>
  BODIES.map(([what, change]) => ({ what, method, path, ...change(JSON.stringify(good)) }) as MalformedRequest),
)

/** Members that do not fit, by the place that is blamed. */
const MEMBERS: readonly (readonly [path: string, good: object, wrong: Readonly<Record<string, readonly unknown[]>>])[] =
  [
    [
      '/agents',
      AGENT,
      {
        tenant: ['', 'Acme', 'a b', 7, null, '-a', 'a'.repeat(64)],
        id: ['', '-a', 'a b', 'a'.repeat(129), 1, 'agt\n', '\u00e4'],
        name: ['', ' ', 'a'.repeat(257), 3, null, 'a\u0000b', 'a\nb'],
        purpose: ['', null, []],
        version: ['', 2],
        owners: [[], 'jane', [''], [1], null, Array.from({ length: 17 }, (_, index) => `p${index}`)],
        ceiling: [['*:'], [''], ['a b'], ['orders:read:1h'], ['restrict:ip:192.0.2.1'], 'orders', [1], null],
        constraints: [[], 'x', 1, { '': 1 }, { a: 'x'.repeat(9000) }],
        expiresAt: ['2027', -1, 1.5, 1e15, true],
        template: ['', 'A', 1],
      },
    ],
    ['/tenants', { id: 'x', name: 'X' }, { id: ['', 'X', 'x_y', '*', 1], name: ['', 1] }],
    [
      '/tenants/acme/people',
      PERSON,
      { id: ['', 'a b', 1, '\u00e4'], name: [''], ceiling: [null, 'x', ['a:1h'], ['b ']] },
    ],
    [
      '/roles',
      ROLE,
      { caller: ['', 'agt_x', 'user:x', 'agent:', 1], tenant: ['', 'A', '**'], role: ['owner', 'root', '', 1] },
    ],
    ['/agents/agt_a/enrolment-codes', {}, { ttlSeconds: [0, 59, 604_801, '60', 1.5, null] }],
    ['/agents/agt_a/rotation', { by: 1 }, { by: ['soon', -1, null, 1.5] }],
    ['/agents/agt_a/versions', { version: '2' }, { version: ['', 2], overlapHours: [-1, 49, '1'] }],
    ['/agents/agt_a/suspension', { reason: 'r' }, { reason: ['', 1, 'a'.repeat(257)] }],
  ]

const WRONG_MEMBERS = MEMBERS.flatMap(([path, good, wrong]) =>
  Object.entries(wrong).flatMap(([name, values]) =>
    values.map((value): MalformedRequest => {
      const what = `${name}: ${JSON.stringify(value)?.slice(0, 40)}`
      return { what, method: 'POST', path, body: { ...good, [name]: value }, ...refused(422), pointer: `/${name}` }
    }),
  ),
)

const invalid = { method: 'GET', ...refused(422) } as const
const missing = { status: 404, code: 'not_found' } as const

const OTHERS: readonly MalformedRequest[] = [
  { what: 'no tenant', path: '/agents', ...invalid, pointer: '?tenant' },
  { what: 'a tenant twice', path: '/agents?tenant=acme&tenant=acme', ...invalid, pointer: '?tenant' },
  { what: 'an unknown parameter', path: '/agents?tenant=acme&sort=id', ...invalid },
  { what: 'an unknown state', path: '/agents?tenant=acme&state=gone', ...invalid, pointer: '?state' },
  { what: 'a limit of none', path: '/agents?tenant=acme&limit=0', ...invalid, pointer: '?limit' },
  { what: 'a limit beyond', path: '/agents?tenant=acme&limit=201', ...invalid, pointer: '?limit' },
  { what: 'a limit in words', path: '/agents?tenant=acme&limit=many', ...invalid, pointer: '?limit' },
  { what: 'a parameter where none is', path: '/agents/agt_a?full=1', ...invalid, pointer: '?full' },
  {
    what: 'a made-up cursor',
    method: 'GET',
    path: '/agents?tenant=acme&cursor=abc',
    status: 400,
    code: 'cursor_invalid',
  },
  { what: 'an empty cursor', method: 'GET', path: '/agents?tenant=acme&cursor=', status: 400, code: 'cursor_invalid' },
  { what: 'no such path', method: 'GET', path: '/nothing', ...missing },
  { what: 'a path below', method: 'GET', path: '/agents/agt_a/nothing', ...missing },
  { what: 'a final slash', method: 'GET', path: '/agents/', ...missing },
  { what: 'an escape that is none', method: 'GET', path: '/agents/%zz', ...missing },
  { what: 'no such agent', method: 'GET', path: '/agents/agt_none', ...missing },
  { what: 'no such agent to change', method: 'PATCH', path: '/agents/agt_none', body: {}, ...missing },
  { what: 'no such tenant', method: 'POST', path: '/tenants/none/people', body: PERSON, ...missing },
  { what: 'no such person', method: 'POST', path: '/tenants/acme/people/none/departure', ...missing },
  {
    what: 'no such key',
    method: 'POST',
    path: '/agents/agt_a/keys/none/revocation',
    body: { reason: 'r' },
    ...missing,
  },
  { what: 'no such role', method: 'POST', path: '/roles/removal', body: ROLE, ...missing },
  { what: 'no such template', method: 'POST', path: '/agents', body: { ...AGENT, template: 'none' }, ...missing },
  { what: 'a wrong method', method: 'DELETE', path: '/agents', status: 405, code: 'method_not_allowed' },
  { what: 'a wrong method below', method: 'PUT', path: '/agents/agt_a', status: 405, code: 'method_not_allowed' },
  {
    what: 'a tenant that is there',
    method: 'POST',
    path: '/tenants',
    body: { id: 'acme', name: 'A' },
    status: 409,
    code: 'already_exists',
  },
  {
    what: 'a person who is there',
    method: 'POST',
    path: '/tenants/acme/people',
    body: { ...PERSON, id: 'jane' },
    status: 409,
    code: 'already_exists',
  },
  {
    what: 'an agent that is there',
    method: 'POST',
    path: '/agents',
    body: { ...AGENT, id: 'agt_a' },
    status: 409,
    code: 'already_exists',
  },
  {
    what: 'an owner who is not there',
    method: 'POST',
    path: '/agents',
    body: { ...AGENT, owners: ['none'] },
    ...refused(422),
    pointer: '/owners',
  },
  {
    what: 'more than the owner may give',
    method: 'POST',
    path: '/agents',
    body: { ...AGENT, ceiling: ['dns:write'] },
    status: 403,
    code: 'ceiling_exceeded',
  },
  {
    what: 'resuming what is not suspended',
    method: 'DELETE',
    path: '/agents/agt_a/suspension',
    status: 409,
    code: 'state_conflict',
  },
  {
    what: 'approving what was not asked',
    method: 'POST',
    path: '/agents/agt_a/retirement/approval',
    status: 409,
    code: 'state_conflict',
  },
  {
    what: 'a change without If-Match',
    method: 'PATCH',
    path: '/agents/agt_a',
    body: { name: 'B' },
    status: 428,
    code: 'precondition_required',
  },
  {
    what: 'a change of an older revision',
    method: 'PATCH',
    path: '/agents/agt_a',
    body: { name: 'B' },
    headers: { 'if-match': '"r0"' },
    status: 412,
    code: 'precondition_failed',
  },
  { what: 'a body where none belongs', method: 'DELETE', path: '/agents/agt_a/suspension', body: {}, ...refused(400) },
  {
    what: 'an Idempotency-Key that is too long',
    method: 'POST',
    path: '/tenants',
    body: { id: 'b', name: 'B' },
    headers: { 'idempotency-key': 'k'.repeat(256) },
    status: 400,
    code: 'request_malformed',
  },
  {
    what: 'a body that is too large',
    method: 'POST',
    path: '/agents',
    text: `"${'x'.repeat(70_000)}"`,
    status: 413,
    code: 'body_too_large',
  },
  {
    what: 'a template of a wrong name',
    method: 'PUT',
    path: '/tenants/acme/templates/A_B',
    body: { ceiling: [] },
    ...refused(422),
  },
]

/** Everything. */
export const MALFORMED_REQUESTS: readonly MalformedRequest[] = [...WRONG_BODIES, ...WRONG_MEMBERS, ...OTHERS]
