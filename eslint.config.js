import { globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

// Few rules. tsc and Prettier have said the rest; what is here needs types, or keeps a promise of the house.
export default tseslint.config(
  globalIgnores(['**/node_modules/', 'docs/', 'test/golden/', 'data/', '.cache/']),
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  {
    files: ['**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      // A promise that nobody awaits is an answer sent before its commit. Those of node:test are awaited by its runner.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'suite', 'describe', 'skip', 'todo'] },
          ],
        },
      ],
      // `if (store.find(…))` without await is always true; an async listener loses its errors.
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      // Inside try, `return promise` leaves before the catch can see the error.
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      // A new kind of refusal must be answered at every surface.
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      // The types are stripped, not compiled: an import that is only a type must say so.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // What is thrown has a stack.
      '@typescript-eslint/only-throw-error': 'error',
    },
  },
  {
    files: ['**/*.{ts,js,mjs}'],
    rules: {
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-restricted-syntax': [
        'error',
        // A name that is the same wherever it is used can be found by searching for it.
        { selector: 'ExportDefaultDeclaration', message: 'Export it by its name.' },
        // An enum is code, and types here are only erased.
        { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
      ],
    },
  },
  {
    // URLs come from clients: what asks another server goes through the one guarded module (test/outbound/only_way_out.test.ts).
    files: ['src/**/*.ts'],
    ignores: ['src/outbound/**'],
    rules: {
      'no-restricted-globals': ['error', ...['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest']],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            ...['node:https', 'node:http2', 'node:tls', 'node:dns', 'node:dns/promises', 'node:dgram', 'undici'],
            { name: 'node:http', importNames: ['request', 'get', 'Agent', 'ClientRequest'] },
            { name: 'node:net', importNames: ['connect', 'createConnection', 'Socket'] },
          ],
        },
      ],
    },
  },
  {
    // Their readers want a default export.
    files: ['*.config.js', 'scripts/test_reporter.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
)
