import { createAgentFetch } from '@countermark/client'
import { useCommandFolder } from '../run-in-folder.ts'
import { enrol, useAuthority } from './use-authority.ts'

const folder = useCommandFolder()
const used = useAuthority(folder)
const { run, read } = used

beforeEach(() => enrol(used, folder, 'agt_a', 'refunds:create'))

/** The agent asks for one refund. */
async function askFor(amount: number): Promise<string> {
  const send = createAgentFetch({ agentId: 'agt_a', key: folder.read('agt_a.pem'), origins: [used.origin] })
  const body = Buffer.from(JSON.stringify({ amount })).toString('base64')
  const request = { method: 'POST', url: 'https://api.example.com/refunds', contentType: 'application/json', body }
  const answer = await send(`${used.origin}/approvals`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ request, audience: 'https://api.example.com' }),
  })
  const { id } = (await answer.json()) as { readonly id: string }
  return id
}

it('lists what waits, and decides about it once', async () => {
  const id = await askFor(50)
  expect((await run('approvals', 'list', '--tenant', 'acme')).out).toContain(
    `${id}  agt_a  pending  POST https://api.example.com/refunds "{\\"amount\\":50}"`,
  )
  expect((await run('approvals', 'approve', id)).out).toBe(`${id}: approved\n`)
  expect(await run('approvals', 'deny', id, '--reason', 'late')).toMatchObject({
    code: 1,
    out: expect.stringContaining('409 state_conflict'),
  })
  expect(await read('approvals', 'list', '--tenant', 'acme')).toEqual([])
})

it('watches: tells each request once, as soon as it waits, until it is ended', async () => {
  const first = await askFor(50)
  const where = ['--tenant', 'acme', '--agent', 'agt_ops', '--authority', used.origin]
  const watching = folder.start(['approvals', 'watch', '--every', '0.1', ...where])
  await watching.says(new RegExp(first))
  const second = await askFor(60)
  await watching.says(new RegExp(second))
  const { code, out } = await watching.end()
  expect(code).toBe(0)
  expect(out.match(/countermark approvals approve/g)).toHaveLength(2)
})

it('watches in lines of JSON for machines', async () => {
  const id = await askFor(50)
  const where = ['--tenant', 'acme', '--agent', 'agt_ops', '--authority', used.origin, '--json']
  const watching = folder.start(['approvals', 'watch', ...where])
  const line = await watching.says(/\n/)
  await watching.end()
  expect(JSON.parse(line)).toMatchObject({ id, state: 'pending' })
})

it('says how often and how much, in minor units', async () => {
  const where = ['--agent', 'agt_ops', '--authority', 'https://authority.example.com', '--curl']
  const given = ['--uses', '3', '--amount', '10000EUR', '--seconds', '60']
  const { out } = await folder.run(['approvals', 'approve', 'apr_1', ...given, ...where])
  expect(out).toContain('{"seconds":60,"uses":3,"amount":{"value":10000,"currency":"EUR"}}')
  const wrong = await folder.run(['approvals', 'approve', 'apr_1', '--amount', '100.00', ...where])
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('100.00 is no amount') })
})

it('refuses to decide about what it does not know', async () => {
  expect(await run('approvals', 'approve', 'apr_unknown')).toMatchObject({ code: 1 })
  expect(await run('approvals', 'approve', '../stops')).toMatchObject({ code: 1 })
})
