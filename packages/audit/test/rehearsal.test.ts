import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createTempFolder, type TempFolder } from '@countermark/testing'
import { rehearseTrails } from '../src/command.ts'
import { auditTrail, eventStream, fileSink } from '../src/index.ts'
import { FRAMEWORKS, startAuditedApp } from './audited-app.ts'
import { captureStandardError } from './standard-error.ts'
import { aDecision } from './written-trail.ts'

const POST = { url: 'https://api.example.com/orders/7', method: 'POST', body: '{}' }

describe('while trails are rehearsed', () => {
  let folder: TempFolder
  let path: string
  let endRehearsal = (): void => undefined
  beforeEach(async () => {
    folder = await createTempFolder()
    path = join(folder.path, 'audit.ndjson')
  })
  afterEach(async () => {
    endRehearsal()
    await folder.remove()
  })

  it.each(FRAMEWORKS)('%s asks its guards beside the service that writes the same file', async (framework) => {
    const service = await startAuditedApp({ framework })
    endRehearsal = rehearseTrails()
    const sinks = [fileSink({ path: service.path })]
    const rehearsed = await startAuditedApp({ framework, trail: { sinks } })
    await rehearsed.trail.ready()
    expect((await rehearsed.send(POST)).status).toBe(201)
    expect((await rehearsed.send({ ...POST, tamper: { signature: () => new Uint8Array(64) } })).status).toBe(401)
    expect((await service.send(POST)).status).toBe(201)
    expect((await service.records()).map(({ record }) => record.type)).toEqual(['event', 'decision', 'outcome'])
    await rehearsed.close()
    await service.close()
  })

  it('a trail opens no file and records no event, until the rehearsal ends', async () => {
    endRehearsal = rehearseTrails()
    const silent = auditTrail({ sinks: [fileSink({ path })] })
    await silent.event({ event: 'token_issued' })
    await silent.flush()
    endRehearsal()
    expect(await readdir(folder.path)).toEqual([])
    const trail = auditTrail({ sinks: [fileSink({ path })] })
    await trail.event({ event: 'token_issued' })
    await trail.close()
    expect(await readdir(folder.path)).toEqual(['audit.ndjson'])
  })

  it('a stream sends no event', async () => {
    endRehearsal = rehearseTrails()
    const append = jest.fn(async () => undefined)
    const events = eventStream({ sinks: [{ name: 'test', durable: false, append }] })
    events.decided?.(aDecision())
    await events.close()
    expect(append).not.toHaveBeenCalled()
  })

  it('a wrong option is refused as ever', () => {
    endRehearsal = rehearseTrails()
    expect(() => auditTrail({ sinks: [] })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_MISSING' }))
  })
})

describe('a guard whose trail has no folder', () => {
  it('says so when it begins, before a request needs a record', async () => {
    const told = captureStandardError()
    const app = await startAuditedApp({ trail: { sinks: [fileSink({ path: '/nowhere/audit.ndjson' })] } })
    expect(told.stop()).toEqual([
      expect.stringContaining(
        '/nowhere/audit.ndjson cannot be written: fileSink.path: the folder /nowhere is not there',
      ),
    ])
    await app.close().catch(() => undefined)
  })
})
