/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'
import { sortTests } from './test/support/kinds-of-tests.ts'

const { unit, integration } = sortTests(__dirname)

const project = (displayName: string, tests: readonly string[]): NonNullable<Config['projects']>[number] => ({
  displayName,
  testMatch: tests.map((path) => `<rootDir>/${path}`),
  roots: ['<rootDir>/packages', '<rootDir>/test'],
  testEnvironmentOptions: { customExportConditions: ['@countermark/source', 'node', 'node-addons'] },
  transform: {
    '^.+\\.[jt]s$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true },
        },
      },
    ],
  },
  transformIgnorePatterns: [
    '/node_modules/(?!(jose|oauth4webapi|openid-client|http-message-sig|light-my-request/node_modules/cookie|cookie)/)',
  ],
})

const config: Config = {
  projects: [project('unit', unit), project('integration', integration)],
  coverageProvider: 'v8',
  // Jest leaves one core free for itself, which is idle once tests run.
  maxWorkers: 2,
  testTimeout: 20_000,
}

export default config
