/** How a process ended, as people say it. Pure. */

/** Signals that end processes, by number as on Linux. */
const SIGNALS = new Map([
  [1, "SIGHUP"],
  [2, "SIGINT"],
  [3, "SIGQUIT"],
  [4, "SIGILL"],
  [5, "SIGTRAP"],
  [6, "SIGABRT"],
  [7, "SIGBUS"],
  [8, "SIGFPE"],
  [9, "SIGKILL"],
  [10, "SIGUSR1"],
  [11, "SIGSEGV"],
  [12, "SIGUSR2"],
  [13, "SIGPIPE"],
  [14, "SIGALRM"],
  [15, "SIGTERM"],
  [24, "SIGXCPU"],
]);

/** @param {number} exitCode negative: the number of a signal */
export const ending = (exitCode) =>
  exitCode < 0 ? (SIGNALS.get(-exitCode) ?? `signal ${-exitCode}`) : `code ${exitCode}`;

/** Whether someone asked it to end, or nothing went wrong. @param {number | null} exitCode */
export const isBadEnd = (exitCode) =>
  exitCode !== null && ![0, -2, -15].includes(exitCode);
