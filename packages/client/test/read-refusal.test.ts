import { readRefusal } from '../src/index.ts'

const problem = (body: string, status = 401): Response =>
  new Response(body, { status, headers: { 'content-type': 'application/problem+json; charset=utf-8' } })

describe('readRefusal', () => {
  it('reads the problem document and leaves the body', async () => {
    const body = JSON.stringify({
      code: 'signature_expired',
      title: 'The signature is too old',
      retry: 'resign',
      request_id: 'r1',
      status: 200,
    })
    const response = problem(body)
    expect(await readRefusal(response)).toEqual({
      status: 401,
      code: 'signature_expired',
      title: 'The signature is too old',
      detail: undefined,
      retry: 'resign',
      requestId: 'r1',
    })
    expect(await response.text()).toBe(body)
  })

  it.each([
    ['a success', new Response('{"code":"x"}')],
    ['another type', new Response('{"code":"x"}', { status: 401, headers: { 'content-type': 'application/json' } })],
    ['no content', new Response(null, { status: 401, headers: { 'content-type': 'application/problem+json' } })],
    ['no JSON', problem('not json')],
    ['no object', problem('"code"')],
    ['no code', problem('{"type":"about:blank"}')],
    ['a code that is no word', problem('{"code":"<script>"}')],
    ['a document without end', problem(`{"code":"x","title":"${'x'.repeat(70_000)}"}`)],
  ])('finds none in %s', async (_name, response) => {
    expect(await readRefusal(response)).toBeUndefined()
    expect(response.bodyUsed).toBe(false)
  })

  it('reads which limit does not hold, and where to ask for approval', async () => {
    const approval = { url: 'https://approve.example.com/requests', digest: 'd'.repeat(43) }
    const members = { approval_url: approval.url, approval_digest: approval.digest, constraint: 'max_amount' }
    const refusal = await readRefusal(problem(JSON.stringify({ code: 'approval_required', ...members }), 403))
    expect(refusal).toMatchObject({ approval, constraint: 'max_amount' })
  })

  it('reads no approval that lacks its digest', async () => {
    const refusal = await readRefusal(
      problem('{"code":"approval_required","approval_url":"https://approve.example.com"}'),
    )
    expect(refusal).toMatchObject({ code: 'approval_required', approval: undefined })
  })

  it('leaves out what has the wrong type', async () => {
    expect(await readRefusal(problem('{"code":"x","retry":"at once","title":1,"request_id":{}}'))).toMatchObject({
      retry: undefined,
      title: undefined,
      requestId: undefined,
    })
  })
})
