// Evaluates simulations. Each line of standard input is a JSON list of them. The answer is a line with a JSON list of
// {allowed, ignored} or {error}.
const { createInterface } = require("node:readline");
const { createRequire } = require("node:module");
const { runSimulation } = createRequire(process.argv[2])("@cloud-copilot/iam-simulate");

async function judge(simulation) {
  const result = await runSimulation(simulation, {});
  if (result.resultType === "error") return { error: JSON.stringify(result.errors) };
  return {
    allowed: result.overallResult === "Allowed",
    ignored: (result.result ?? result.results[0])?.ignoredContextKeys ?? [],
  };
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const answers = [];
    for (const simulation of JSON.parse(line)) answers.push(await judge(simulation));
    process.stdout.write(JSON.stringify(answers) + "\n");
  }
}

main();
