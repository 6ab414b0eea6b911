"""Turn a logbook and a table of questions into a benchmark: run it in this folder."""

import csv
import json
from pathlib import Path

HERE = Path(__file__).parent
entries = (HERE / "logbook.txt").read_text(encoding="utf-8").strip().split("\n\n")
episodes = [{"id": entry.partition("\n")[0], "text": entry} for entry in entries]

questions = []
with (HERE / "questions.csv").open(encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        where = next(episode["id"] for episode in episodes if row["line"] in episode["text"])
        evidence = [{"episode": where, "text": row["line"]}]
        asked = {"question": row["question"], "answer": row["answer"], "category": row["kind"]}
        questions.append({**asked, "evidence": evidence})

for name, records in (("episodes", episodes), ("questions", questions)):
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    (HERE / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
