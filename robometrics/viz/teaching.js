/** What to type so that something is measured, against the very server one looks at. Pure. */

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|.*\.localhost)$/;
const NATS_PORT = 4222;

/**
 * @typedef {object} Step
 * @property {string} text what it is for
 * @property {string} code to copy, as it is
 */

/** @typedef {{id: string, title: string, steps: Step[], note?: string}} Lesson */

/** @param {string} hostname as the browser knows it */
export const isLoopback = (hostname) => LOOPBACK.test(hostname);

/**
 * Where workers find the broker. A server may know it by a name that only it understands:
 * its own loopback, or that of a container.
 * @param {string | null} told `host:port`, as the server connects to it
 * @param {string} hostname of the page
 */
export function brokerUrl(told, hostname) {
  const [, host = "", port = String(NATS_PORT)] = /^(.*?)(?::(\d+))?$/.exec(told ?? "") ?? [];
  const isPublic = host.includes(".") && !isLoopback(host);
  return `nats://${isPublic ? host : hostname}:${port}`;
}

/**
 * @param {string} broker
 * @param {boolean} hasWorker whether some worker runs
 * @returns {Lesson[]}
 */
export function lessonsOf(broker, hasWorker) {
  const worker = {
    text: "Start a worker on the machine, once:",
    code: `pip install 'roborregos-metrics[worker]'\nrobometrics-worker --nats-url ${broker}`,
  };
  const first = hasWorker ? [] : [worker];
  return [
    {
      id: "command",
      title: "Any command",
      steps: [...first, { text: "Start any program under a name:", code: 'robometrics run --name demo -- python3 -c "while True: pass"' }],
      note: "A program that runs already: robometrics register --pid PID --name NAME",
    },
    {
      id: "python",
      title: "Python",
      steps: [
        ...first,
        {
          text: "Put two lines into your program:",
          code: 'from robometrics.lib.register import Register\nRegister.auto_register("planner")',
        },
      ],
      note: "They return at once, and never get in its way, worker or not.",
    },
    {
      id: "cpp",
      title: "C++",
      steps: [
        ...first,
        {
          text: "One header, and one line in your program:",
          code: '#include <robometrics.hpp>\n\nint main() {\n    robometrics::register_process("planner");\n}',
        },
      ],
      note: "robometrics.hpp is in clients/cpp; it needs C++17 and nothing else.",
    },
    machineLesson(broker),
  ];
}

/**
 * @param {string} broker
 * @param {string} [host] under which name
 * @returns {Lesson}
 */
export function machineLesson(broker, host) {
  const { hostname, port } = new URL(broker);
  const isHere = isLoopback(hostname);
  const elsewhere = isHere ? `nats://SERVER:${port}` : broker;
  const named = host === undefined ? "" : ` --host ${plain(host)}`;
  return {
    id: "machine",
    title: "Another machine",
    steps: [
      {
        text: "On that machine:",
        code: `pip install 'roborregos-metrics[worker]'\nrobometrics-worker --nats-url ${elsewhere}${named}`,
      },
    ],
    note: isHere
      ? "SERVER is this machine, by the name the other one knows. The broker of robometrics up listens to its own machine only; for a fleet run robometrics-server beside a nats-server that others reach."
      : "Its broker's port has to be reachable from there.",
  };
}

/** @param {string} process @returns {Lesson} */
export const nameLesson = (process) => ({
  id: "name",
  title: "A process",
  steps: [{ text: "On that host, start a program under this name:", code: `robometrics run --name ${plain(process)} -- COMMAND` }],
  note: `A program that runs already: robometrics register --pid PID --name ${plain(process)}`,
});

/** Anybody can make a link: what goes into a shell is a name and nothing else. @param {string} name */
const plain = (name) => (/^\w[\w.-]*$/.test(name) ? name : "NAME");
