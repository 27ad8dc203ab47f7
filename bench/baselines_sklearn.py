"""One of scikit-learn's baselines in a process of its own: the other side of baselines.ts.

usage: baselines_sklearn.py FOLDER count|tfidf|MODEL    reads FOLDER/data.json; prints what was measured
"""
import json, re, sys, time, warnings
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

warnings.filterwarnings('ignore')
folder, what = sys.argv[1:]
data = json.load(open(f'{folder}/data.json', encoding='utf8'))
y = np.array(data['targets'])


def measured():
    peak = int(re.search(r'VmHWM:\s+(\d+) kB', open('/proc/self/status').read())[1]) * 1024
    return dict(seconds=time.perf_counter() - start, peakMemoryBytes=peak)


start = time.perf_counter()
vectorizer = CountVectorizer() if what in ('count',) or what.startswith('bow') else TfidfVectorizer()
X = vectorizer.fit_transform(data['texts'])
if what in ('count', 'tfidf'):
    result = measured()
    X = X.tocsr()
    X.sort_indices()
    json.dump(vectorizer.get_feature_names_out().tolist(), open(f'{folder}/theirs-terms.json', 'w'))
    X.indptr.astype(np.uint32).tofile(f'{folder}/theirs-starts')
    X.indices.astype(np.uint32).tofile(f'{folder}/theirs-indices')
    X.data.astype(np.float64).tofile(f'{folder}/theirs-values')
else:
    model = {
        'svm': lambda: OneVsRestClassifier(LinearSVC()),
        'lr': lambda: OneVsRestClassifier(LogisticRegression()),
        'rf': lambda: RandomForestClassifier(n_jobs=1, random_state=0),
    }[what.split('-')[1]]()
    model.fit(X, y)
    result = measured()
    result['given'] = model.predict(vectorizer.transform(data['testTexts'])).astype(int).tolist()
print(json.dumps(result))
