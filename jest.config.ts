/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

const config: Config = {
  testEnvironmentOptions: { customExportConditions: ['@countermark/source', 'node', 'node-addons'] },
  roots: ['<rootDir>/packages', '<rootDir>/test'],
  testMatch: ['**/test/**/*.test.ts'],
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
  transformIgnorePatterns: ['/node_modules/(?!(jose|http-message-sig|light-my-request/node_modules/cookie|cookie)/)'],
  coverageProvider: 'v8',
  testTimeout: 20_000,
}

export default config
