// Judges each simulation of the JSON list on standard input: prints {allowed} or {error} for each, as JSON.
const { createRequire } = require("node:module");
const { runSimulation } = createRequire(process.argv[2])("@cloud-copilot/iam-simulate");

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const answers = [];
  for (const simulation of JSON.parse(text)) {
    const result = await runSimulation(simulation, {});
    answers.push(
      result.resultType === "error"
        ? { error: JSON.stringify(result.errors) }
        : {
            allowed: result.overallResult === "Allowed",
            ignored: (result.result ?? result.results[0])?.ignoredContextKeys ?? [],
          },
    );
  }
  process.stdout.write(JSON.stringify(answers));
}

main();
