import { existsSync } from 'node:fs'
import { findFreePort } from '@countermark/testing'
import { type Running, useCommandFolder } from '../run-in-folder.ts'

let running: Running | undefined
afterEach(() => running?.end())
const folder = useCommandFolder()

interface Playground {
  readonly authority: string
  readonly api: string
  readonly folder: string
  readonly agent: string
}

async function start(): Promise<Playground> {
  const [port, apiPort] = await Promise.all([findFreePort(), findFreePort()])
  running = folder.start(['dev', '--json', '--port', `${port}`, '--api-port', `${apiPort}`])
  return JSON.parse(await running.says(/^}\n/m))
}

it('lets everything be tried that it prints, and leaves nothing behind', async () => {
  const { authority, api, folder: place, agent } = await start()
  const asAgent = ['--agent', agent, '--key', `${place}/agent-key.pem`]
  const asOps = ['--agent', 'agt_ops', '--key', `${place}/ops-key.pem`, '--authority', authority]
  const read = () => folder.run(['curl', `${api}/orders`, ...asAgent, '--token', `@${place}/token.txt`])
  expect(await read()).toMatchObject({ code: 0, out: `{"agent":"${agent}","orders":["kettle"]}\n` })
  const refund = ['curl', `${api}/refunds`, '-X', 'POST', ...asAgent, '--token', `@${place}/token.txt`]
  expect(await folder.run(refund)).toMatchObject({ code: 1, err: expect.stringContaining('403 insufficient_scope') })
  const inspect = ['token', 'inspect', `@${place}/token.txt`, '--authority', authority]
  expect(await folder.run(inspect)).toMatchObject({ code: 0, out: expect.stringContaining('accepted') })
  const stop = ['stop', 'agent', agent, '--reason', 'trying it', '--yes', ...asOps]
  expect(await folder.run(stop)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^stopped: 1 of 1 doors, \d+ ms/),
  })
  expect(await read()).toMatchObject({
    code: 1,
    err: expect.stringMatching(/40[13] (?:token_revoked|agent_suspended)/),
  })
  const ended = await running?.end()
  expect(ended).toMatchObject({ code: 0, err: '' })
  expect(existsSync(place)).toBe(false)
  await expect(fetch(api)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
})

it('takes other ports where these are taken', async () => {
  const { authority: first } = await start()
  const before = running
  running = folder.start(['dev', '--json', '--port', new URL(first).port, '--api-port', '0'])
  const second: Playground = JSON.parse(await running.says(/^}\n/m))
  await before?.end()
  expect(second.authority).not.toBe(first)
})

it('says what to try', async () => {
  running = folder.start(['dev', '--port', '0', '--api-port', '0'])
  const said = await running.says(/Ctrl-C/)
  expect(said.match(/^ {2}npx countermark /gm)).toHaveLength(6)
})
