"""`python -m tests.bench.training.by_pandas FILE MODEL`: what is commonly written to learn from a file.

The same rows held out, the same figures and a model on disk; no intervals, no report, no check of the data.
"""

import sys

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, confusion_matrix, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main(source: str, model: str) -> None:
    """Read, split, fit, measure and save."""
    frame = pd.read_parquet(source)
    x, y = frame.drop(columns="y"), frame["y"]
    x_train, x_rest, y_train, y_rest = train_test_split(x, y, test_size=0.4, stratify=y, random_state=0)
    x_validation, x_test, y_validation, y_test = train_test_split(
        x_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=0
    )
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(x_train, y_train)
    for rows, labels in ((x_train, y_train), (x_validation, y_validation), (x_test, y_test)):
        p = fitted.predict_proba(rows)[:, 1]
        figures = [log_loss(labels, p), roc_auc_score(labels, p), average_precision_score(labels, p)]
        sys.stdout.write(
            f"{figures} {accuracy_score(labels, p >= 0.5)} {confusion_matrix(labels, p >= 0.5)}\n"
        )
    joblib.dump(fitted, model)


if __name__ == "__main__":
    main(*sys.argv[1:])
