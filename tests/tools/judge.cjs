// Judges simulations: for each line of standard input, a JSON list of them, prints a line, a JSON list that holds
// {allowed, ignored} or {error} for each.
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
