import { statSync } from 'node:fs'
import { fromAuthority } from '../../../src/express.ts'
import { useCommandFolder } from '../run-in-folder.ts'
import { DOOR_TOKEN, enrol, register, useAuthority } from './use-authority.ts'

const folder = useCommandFolder()
const used = useAuthority(folder)
const { run, read } = used
const registered = () => register(used, 'agt_a', 'orders:read')

describe('agents', () => {
  it('are registered, listed, suspended and resumed', async () => {
    const said = await run(...'agent register agt_a --tenant acme --name A --purpose p --owner jane'.split(' '))
    expect(said).toMatchObject({ code: 0, out: expect.stringContaining('agt_a is registered') })
    expect(await read('agent', 'list', '--tenant', 'acme')).toMatchObject([{ id: 'agt_a', state: 'staged' }])
    expect(await run('agent', 'suspend', 'agt_a', '--reason', 'odd')).toMatchObject({ code: 0 })
    expect((await run('agent', 'show', 'agt_a')).out).toContain('agt_a: suspended (odd)')
    expect((await run('agent', 'resume', 'agt_a')).out).toContain('agt_a: staged')
  })

  it('are listed beyond the first page', async () => {
    const ids = Array.from({ length: 51 }, (_, index) => `agt_${index}`)
    for (const id of ids) {
      await run('agent', 'register', id, ...'--tenant acme --name A --purpose p --owner jane'.split(' '))
    }
    expect(await read('agent', 'list', '--tenant', 'acme')).toHaveLength(51)
  }, 60_000)

  it('carry constraints out of a file', async () => {
    folder.write('limits.json', '{"max_refund_amount":{"value":1000,"currency":"EUR"}}')
    const what = '--tenant acme --name A --purpose p --owner jane --agent-version 2 --constraints limits.json'
    await run('agent', 'register', 'agt_a', ...what.split(' '))
    expect(await read('agent', 'show', 'agt_a')).toMatchObject({
      version: '2',
      constraints: { max_refund_amount: { value: 1000, currency: 'EUR' } },
    })
  })

  it('are retired by two persons', async () => {
    await registered()
    await register(used, 'agt_heir')
    const asked = await run('agent', 'retire', 'agt_a', '--reason', 'old', '--replacement', 'agt_heir')
    expect(asked.out).toContain('its end was asked for by agent:agt_ops; another person approves it')
    const alone = await run('agent', 'approve-retirement', 'agt_a')
    expect(alone).toMatchObject({ code: 1, out: expect.stringContaining('403 role_missing') })
    const second = ['--agent', 'agt_second', '--key', 'second.pem']
    const approved = await run('agent', 'approve-retirement', 'agt_a', ...second)
    expect(approved.out).toMatch(/^agt_a: retired[\s\S]*replaced by: agt_heir\n {2}handed over: orders:read\n$/)
  })

  it('go on when the question is withdrawn', async () => {
    await registered()
    await run('agent', 'retire', 'agt_a', '--reason', 'old')
    expect((await run('agent', 'withdraw-retirement', 'agt_a')).out).not.toContain('its end was asked for')
    const second = ['--agent', 'agt_second', '--key', 'second.pem']
    expect(await run('agent', 'approve-retirement', 'agt_a', ...second)).toMatchObject({
      code: 1,
      out: expect.stringContaining('409 state_conflict'),
    })
  })

  it('stop when the person leaves who owns them', async () => {
    await enrol(used, folder, 'agt_a', 'orders:read')
    expect((await run('person', 'leave', 'jane', '--tenant', 'acme')).out).toBe('jane has left; stopped: agt_a\n')
    expect((await run('person', 'list', '--tenant', 'acme')).out).toMatch(/jane +left/)
  })
})

describe('roles', () => {
  it('are given and taken', async () => {
    await enrol(used, folder, 'agt_helper')
    const asHelper = ['--agent', 'agt_helper', '--key', 'agt_helper.pem']
    const list = () => run('agent', 'list', '--tenant', 'acme', ...asHelper)
    expect(await list()).toMatchObject({ code: 1 })
    const role = ['agent:agt_helper', '--role', 'auditor', '--tenant', 'acme']
    expect((await run('role', 'give', ...role)).out).toBe('agent:agt_helper: is auditor of acme\n')
    expect(await list()).toMatchObject({ code: 0 })
    await run('role', 'take', ...role)
    expect(await list()).toMatchObject({ code: 1 })
  })
})

describe('what the authority refused', () => {
  it('is said with its code, and with what to do', async () => {
    const { code, out } = await run('agent', 'show', 'agt_unknown')
    expect({ code, out }).toEqual({
      code: 1,
      out: 'no: 404 not_found: no agent has this id\n  what to do: No resource has this path, or the caller must not learn that there is one: an agent of another tenant does not exist.\n',
    })
  })

  it('names the place in the input', async () => {
    const { out } = await run('tenant', 'add', 'ACME', '--name', 'x')
    expect(out).toContain('422 input_invalid')
    expect(out).toContain('  /id: expected 1 to 63 of a-z 0-9 -')
  })

  it('is the document itself for machines', async () => {
    expect(await read('agent', 'show', 'agt_unknown')).toMatchObject({ status: 404, code: 'not_found' })
  })

  it('is explained by its code', async () => {
    expect(await folder.run(['explain', 'ceiling_exceeded'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('`scopes` lists what the ceiling of an owner does not cover'),
    })
  })

  it('cannot steer the terminal', async () => {
    const { out } = await run('agent', 'show', 'agt_\u001b[2J')
    expect(out).not.toContain('\u001b')
  })
})

describe('stops', () => {
  it('show first who would be cut off, and stop nothing unless they are told to', async () => {
    await registered()
    const { code, out, err } = await run('stop', 'agent', 'agt_a', '--reason', 'stolen')
    expect({ code, out }).toEqual({ code: 2, out: expect.stringContaining('agt_a (A), owned by jane') })
    expect(err).toContain('--yes')
    expect((await run('agent', 'show', 'agt_a')).out).toContain('agt_a: staged')
  })

  it('reach every door and say when the last one had it', async () => {
    await registered()
    const link = fromAuthority(used.origin, {
      ...{ door: 'shop', token: DOOR_TOKEN, allowHttp: true, allowPrivateAddresses: true },
    })
    await link.ready()
    const stopped = await run('stop', 'agent', 'agt_a', '--reason', 'stolen', '--yes')
    link.close()
    expect(stopped).toMatchObject({ code: 0, out: expect.stringMatching(/^stopped: 1 of 1 doors, \d+ ms\n$/) })
  })
})

describe('keys', () => {
  const asAgent = ['--agent', 'agt_a', '--key', 'agt_a.pem'] as const

  it('rotate: the next one signs, the one before is kept, and both are listed', async () => {
    await enrol(used, folder, 'agt_a', 'orders:read')
    const before = folder.read('agt_a.pem')
    const { code, out } = await run('key', 'rotate', ...asAgent)
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('agt_a signs with') })
    expect(folder.read('agt_a.pem.previous')).toBe(before)
    expect(folder.read('agt_a.pem')).not.toBe(before)
    expect(statSync(`${folder.path}/agt_a.pem`).mode & 0o777).toBe(0o600)
    const keys = await read('key', 'list', 'agt_a', ...asAgent)
    expect(keys.map(({ state }: { readonly state: string }) => state).sort()).toEqual(['active', 'retiring'])
  })

  it.each([
    ['before the key was proposed', 0],
    ['once it was proposed', 1],
    ['once it counts', 2],
  ])('go on where a rotation broke off %s', async (_name, steps) => {
    await enrol(used, folder, 'agt_a', 'orders:read')
    await run('key', 'rotate', ...asAgent, '--curl')
    const next = folder.read('agt_a.pem.next')
    const { jwk, thumbprint } = await publicOf(next)
    const ask = await asAgentOf(folder.read('agt_a.pem'))
    if (steps > 0) await ask(`/agents/agt_a/keys`, { key: jwk })
    if (steps > 1) await (await asAgentOf(next))(`/agents/agt_a/keys/${thumbprint}/activation`)
    expect(await run('key', 'rotate', ...asAgent)).toMatchObject({ code: 0 })
    expect(folder.read('agt_a.pem')).toBe(next)
    expect(await run('agent', 'show', 'agt_a', ...asAgent)).toMatchObject({ code: 0 })
  })

  it('end at once when they are revoked, the last one only when that is meant', async () => {
    await enrol(used, folder, 'agt_a', 'orders:read')
    const [{ id }] = await read('key', 'list', 'agt_a')
    const revoke = ['key', 'revoke', 'agt_a', id, '--reason', 'stolen'] as const
    expect(await run(...revoke)).toMatchObject({ code: 1, out: expect.stringContaining('409 last_key') })
    expect(await run(...revoke, '--last')).toMatchObject({ code: 0, out: expect.stringContaining(': revoked') })
    expect(await run('agent', 'show', 'agt_a', ...asAgent)).toMatchObject({ code: 1 })
  })

  it('cannot be enrolled by a code that is none', async () => {
    await folder.run(['keygen', 'agt_a', '--out', 'agt_a.pem'])
    const { code, out } = await run('key', 'enrol', 'wrong', ...asAgent)
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('403 enrolment_refused') })
  })

  async function publicOf(pem: string) {
    const { createPublicKey } = await import('node:crypto')
    const { importPublicKey } = await import('@countermark/core')
    const jwk = createPublicKey(pem).export({ format: 'jwk' })
    return { jwk, thumbprint: importPublicKey({ ...jwk }).thumbprint }
  }

  async function asAgentOf(key: string) {
    const { createAgentFetch } = await import('@countermark/client')
    const send = createAgentFetch({ agentId: 'agt_a', key, origins: [used.origin] })
    return async (path: string, body?: object): Promise<void> => {
      const content =
        body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
      const answer = await send(used.origin + path, { method: 'POST', ...content })
      if (!answer.ok) throw new Error(await answer.text())
    }
  }
})

describe('every command that asks an authority', () => {
  const id = 'agt_a'
  it.each([
    ['tenant add', ['tenant', 'add', 'other', '--name', 'Other'], 'POST', '/tenants'],
    ['person add', ['person', 'add', 'tom', '--tenant', 'acme', '--name', 'Tom'], 'POST', '/tenants/acme/people'],
    ['person list', ['person', 'list', '--tenant', 'acme'], 'GET', '/tenants/acme/people'],
    ['person leave', ['person', 'leave', 'jane', '--tenant', 'acme'], 'POST', '/tenants/acme/people/jane/departure'],
    ['role give', ['role', 'give', 'agent:a', '--role', 'admin', '--tenant', 'acme'], 'POST', '/roles'],
    ['agent list', ['agent', 'list', '--tenant', 'acme'], 'GET', '/agents?tenant=acme'],
    ['agent show', ['agent', 'show', id], 'GET', '/agents/agt_a'],
    ['agent retire', ['agent', 'retire', id, '--reason', 'x'], 'POST', '/agents/agt_a/retirement'],
    ['agent approve-retirement', ['agent', 'approve-retirement', id], 'POST', '/agents/agt_a/retirement/approval'],
    ['key list', ['key', 'list', id], 'GET', '/agents/agt_a/keys'],
    ['key enrol', ['key', 'enrol', 'CODE'], 'POST', '/enrolments'],
    ['key revoke', ['key', 'revoke', id, 'k1', '--reason', 'x'], 'POST', '/agents/agt_a/keys/k1/revocation'],
    ['token get', ['token', 'get', '--service', 'https://a.example'], 'POST', '/token'],
    [
      'token exchange',
      ['token', 'exchange', '--subject-token', 'x', '--service', 'https://a.example'],
      'POST',
      '/token',
    ],
    ['approvals list', ['approvals', 'list', '--tenant', 'acme'], 'GET', '/approvals?tenant=acme&state=pending'],
    ['approvals watch', ['approvals', 'watch', '--tenant', 'acme'], 'GET', '/approvals?tenant=acme&state=pending'],
    ['approvals deny', ['approvals', 'deny', 'apr_1', '--reason', 'x'], 'POST', '/approvals/apr_1/rejection'],
    ['review', ['review', '--tenant', 'acme'], 'GET', '/tenants/acme/access-review?days=90'],
    ['stop', ['stop', 'agent', id, '--reason', 'x'], 'POST', '/stops'],
  ])('prints the request of %s for openssl and curl, and sends nothing', async (_name, args, method, path) => {
    const { code, out } = await folder.run([
      ...args,
      '--curl',
      '--agent',
      'agt_ops',
      '--authority',
      'https://authority.example.com',
    ])
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringContaining(`curl -i -X ${method} 'https://authority.example.com${path}'`),
    })
  })

  it('wants to know where that is', async () => {
    const { code, err } = await folder.run(['agent', 'show', 'agt_a'])
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('--authority') })
  })

  it('says so where nothing answers', async () => {
    const { code, err } = await folder.run([
      'agent',
      'show',
      'agt_a',
      '--agent',
      'agt_ops',
      '--authority',
      'http://127.0.0.1:9',
    ])
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('http://127.0.0.1:9 gave no answer') })
  })

  it('refuses a command that is none inside of another one', async () => {
    expect(await run('agent', 'delete', 'agt_a')).toMatchObject({ code: 2 })
  })
})
