import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { runCommand } from './run-command.ts'

// Runs the tests on another version of Node, out of the npm packages that hold its programs:
// npm run test:node -- VERSION [arguments of Jest], such as `npm run test:node -- 24 packages/core`.
const root = resolve(import.meta.dirname, '..')
const [version, ...given] = process.argv.slice(2)
if (version === undefined || !/^\d+(?:\.\d+){0,2}$/.test(version)) {
  console.error('usage: npm run test:node -- VERSION [arguments of Jest]; a version is 24, 24.22 or 24.22.3')
  process.exit(2)
}
const program = await installNode(version)
process.exitCode = runTests(program, given)

/** The program of a version, in a folder of its own outside of the project, so that no lockfile learns of it. */
async function installNode(wanted: string): Promise<string> {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const folder = join(cache, 'countermark', `node-${wanted}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
  const installed = await runCommand('npm', ['install', ...options, `${name}@${wanted}`], { folder })
  const path = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(path)) return path
  console.error(`${name}@${wanted} cannot be installed\n${installed.output}`)
  return process.exit(1)
}

/** Whatever the tests start under the name `node` is that version too. */
function runTests(node: string, args: readonly string[]): number {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  console.log(`Node ${stdout.trim()}`)
  const PATH = [resolve(node, '..'), process.env['PATH']].join(delimiter)
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
  const { status } = spawnSync(node, [jest, ...args], { cwd: root, stdio: 'inherit', env: { ...process.env, PATH } })
  return status ?? 1
}
