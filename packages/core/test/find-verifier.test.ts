import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGuardSettings } from '../src/index.ts'
import { nodeVerifier } from '../src/internal.ts'
import { findVerifier } from '../src/keys/find-verifier.ts'

const WORKING = `exports.tables = () => ({ name: 'found', verify: () => true, verifyInThreadPool: async () => true })`

describe("verifier: 'auto'", () => {
  const folders: string[] = []
  afterEach(() => jest.restoreAllMocks())
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  /** A program beside which a package of this content is installed, or none. */
  function programWith(content: string | undefined): string {
    const folder = mkdtempSync(join(tmpdir(), 'countermark-verifier-'))
    folders.push(folder)
    const installed = join(folder, 'node_modules/@countermark/ed25519-tables')
    if (content !== undefined) {
      mkdirSync(installed, { recursive: true })
      writeFileSync(join(installed, 'index.js'), content)
    }
    return join(folder, 'main.js')
  }

  it('takes tables where the package is installed', () => {
    expect(createGuardSettings({ origins: ['api.example.com'], verifier: 'auto' }).verifier.name).toBe('ed25519-tables')
  })

  it('looks beside the program when the package is not beside this one', () => {
    expect(findVerifier({ from: [programWith(undefined), programWith(WORKING)] }).name).toBe('found')
  })

  it('takes node:crypto, without a word, where the package is not installed', () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue()
    expect(findVerifier({ from: [programWith(undefined)] })).toBe(nodeVerifier)
    expect(warn).not.toHaveBeenCalled()
  })

  it.each([
    ['that fails its self-test', `exports.tables = () => { throw new Error('wrong answers') }`, 'wrong answers'],
    ['that lacks something itself', `require('@countermark/absent')`, "Cannot find module '@countermark/absent'"],
    ['that is something else', 'exports.tables = true', 'tables must be a function'],
  ])('takes node:crypto and warns for a package %s', (_what, content, reason) => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue()
    expect(findVerifier({ from: [programWith(content), programWith(WORKING)] })).toBe(nodeVerifier)
    expect(warn).toHaveBeenCalledWith(expect.stringContaining(reason), {
      type: 'CountermarkWarning',
      code: 'verifier_fallback',
    })
  })
})
