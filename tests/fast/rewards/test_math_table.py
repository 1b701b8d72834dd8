"""What a person says of answers as they stand in evaluations of MATH, AIME and GSM8K, and what the reward says."""

import asyncio
from typing import Any

import pytest

from stagerl_plugins import Response
from stagerl_plugins.plugins import load_plugins
from stagerl_plugins.rewards.call import WorkerSetup

plugins = load_plugins()

# ground truth, answer in the last box, and whether a person takes it for right
ANSWERS = r"""
= fractions and mixed numbers
\frac{1}{2} | \dfrac{1}{2} | y
\frac{1}{2} | 1/2 | y
\frac{1}{2} | 0.5 | y
\frac{1}{2} | .5 | y
\frac{1}{2} | \frac12 | y
\frac{1}{2} | \frac{2}{4} | y
\frac{1}{2} | 2/1 | n
\frac{1}{3} | 0.333333 | y
\frac{1}{3} | 0.33 | n
-\frac{2}{3} | \frac{-2}{3} | y
-\frac{2}{3} | -2/3 | y
-\frac{2}{3} | \frac{2}{-3} | y
-\frac{2}{3} | \frac{2}{3} | n
2\frac{1}{3} | \frac{7}{3} | y
2\frac{1}{3} | 7/3 | y
2\frac{1}{3} | \frac{2}{3} | n
\frac{7}{3} | 2 \frac{1}{3} | y
\frac{7}{3} | 2\tfrac{1}{3} | y
\frac{3}{4} | 75\% | y
\frac{\sqrt{3}}{2} | \frac{3}{2\sqrt{3}} | y
\frac{\sqrt{3}}{2} | \sqrt{\frac34} | y
\frac{\sqrt{3}}{2} | \sqrt{3}/2 | y
\frac{\sqrt{3}}{2} | 0.866 | n
\cfrac{1}{2} | 0.5 | y
\frac{11}{4} | 2 3/4 | y
\frac{11}{4} | 2¾ | y
\frac{1}{2} | ½ | y
\frac{1}{2} | 1⁄2 | y
\frac{1}{2} | \nicefrac{1}{2} | y
\frac{1}{2} | \boldsymbol{\frac{1}{2}} | y
\frac{8}{11} | 0.\overline{72} | y
\frac{8}{11} | 0.72 | n
0.1\overline{6} | \frac{1}{6} | y
0.1\overline{6} | 0.\overline{16} | n
\frac{1}{3} | 0.\dot{3} | y
\frac{1}{7} | 0.\dot{1}4285\dot{7} | y
\frac{1}{3} | 0.3\dot{1} | n
-\frac{5}{3} | -1.\overline{6} | y
\frac{3001}{3} | 1,000.\overline{3} | y
1, \frac{1}{3} | 1,000.\overline{3} | n
\frac{4}{33} | 0.\overline{12}_3 | n
\sqrt{38} | \sqrt{39}.\overline{9} | n
\sqrt{38} | \sqrt{38}.\overline{9} | n
\frac{100}{3}\% | 33.\overline{3}\% | y
= integers and thousands
1000 | 1,000 | y
1000 | 1{,}000 | y
1000 | 1\,000 | y
1000 | 1\!000 | y
1000 | 1,\!000 | y
1000 | 1 000 | y
1000 | 1000.0 | y
1000 | 10^3 | y
1000 | 1.0 \times 10^3 | y
1000 | 1,00 | n
1000 | 2^3\,125 | y
1000 | x = 0,125 | n
0.125 | 0{,}125 | y
125 | 0{,}125 | n
12 | 1\hspace{2pt}2 | n
12 | 1\phantom{0}2 | n
1000 | 1\hspace{2pt}000 | y
1000 | {\bf 1,000} | y
12 | \phantom{-}12 | y
1000 | 1\ 000 | y
1000 | 1~000 | y
1000 | 1 000 | y
1000 | 1 000 | y
1000 | 1\text{,}000 | y
1000 | x = 1{,}000 | y
1000 | x = 1,000 | y
1, 200 | x = 1, 200 | y
1000 | 1e3 | y
12345 | 1.2345e4 | y
12345 | 1.2345E+4 | y
0.001 | 1e-3 | y
2e-3 | 2e - 3 | y
2e+3 | 3 + 2e | y
1.6\times10^{-19} | 1.6e-19 | y
1.6\times10^{-19} | 1.6\times10^{-18} | n
6.02\times10^{23} | 602\times10^{21} | y
6.02\times10^{23} | 60.2 \cdot 10^{22} | y
6.02\times10^{23} | 0.602\times 10^{24} \text{ atoms} | y
6.02\times10^{23} | 602000000000000000000000 | y
6.02\times10^{23} | 6.02e23 | y
6.02\times10^{23} | 603\times10^{21} | n
6.02\times10^{23} | 602\times10^{22} | n
6.02\times10^{23} | 6.02\times10^{-23} | n
(1, 2.5 \cdot 10^3) | (1, 2500) | y
2^{2.5 \cdot 10^1} | 2^{25} | y
.0000672 | 6.72\times10^{-5} | y
.0000672 | 0.0000673 | n
.0000672 | 0.000067 | n
\frac{1}{6561} | 0.000152 | y
\frac{1}{6561} | 0.000153 | n
\frac{1}{30000000} | 0.00000001 | n
0.00033333 | \frac{1}{3000} | y
52_8 | 52_{8} | y
52_8 | (52)_8 | y
52_8 | 52 | y
52_8 | 52_9 | n
52_8 | 53_8 | n
x = 52_8 | x = 52_9 | n
52_8, 3 | 3, 52_8 | y
52_8, 3 | 52_9, 3 | n
4210_{5} | 4210_6 | n
6.63\times10^{-34} | 6.36\times10^{-34} | n
0.0000001 | 0.0000002 | n
0.0000003 | 0.00000030 | y
-1000 | −1 000 | y
1,234,567 | 1234567 | y
1,234,567 | 1{,}234{,}567 | y
\$1,234.50 | 1234.5 | y
42 | 042 | y
42 | +42 | y
42 | -42 | n
-42 | −42 | y
-42 | - 42 | y
-42 | –42 | y
-42 | ﹣42 | y
42 | –42 | n
42 | 42, | y
42 | 𝟒𝟐 | y
42 | \bm{42} | y
42 | \textup{42} | y
42 | \tiny{42} | y
42 | 42​ | y
42 |  42 | y
42 | \texttt{42} | y
42 | \hspace{2pt}42 | y
42 | ~42~ | y
42 | 42. | y
42 | forty-two | n
42 | {42} | y
42 | $42$ | y
42 | \(42\) | y
42 | \text{42} | y
42 | \textbf{42} | y
42 | \mathbf{42} | y
42 | \displaystyle 42 | y
42 | x = 42 | y
42 | x=y=42 | y
42 | n = 42. | y
42 | \approx 42 | y
42 | 42 \text{ apples} | y
42 | 42 apples | y
42 | 42 eggs | y
42 | 42 dollars | y
42 | 42 km/h | y
42 | 42 in^2 | y
42 | 43 eggs | n
42 | 42 million | n
42abc | 42 abc | y
42a | 42 abc | n
42 | \text{42 apples} | y
42 | \text{43 apples} | n
42 | 42\,m | y
42 | 42\,cm | y
42 | 42\;kg | y
42 | 43\,kg | n
4\pi | 4\pi\,cm | y
2x | 2\,x | y
42 | 42\ cm^{2} | y
42 | 42\%\, | y
42 | 42 \text{ cm}\, | y
42 | 42 \text{ cm}.\; | y
42 | {42 eggs} | y
42 | {{42\%}} | y
42 | \[42 \text{ cm}\] | y
42 | $$42$$. | y
42 | \(42 eggs\) | y
42 | \(42\) and \(43\) | n
42 | 42元 | y
42 | 42 平方厘米 | y
42 | 42万 | n
42 | 43元 | n
4\pi | 4\pi cm^2 | y
4\pi | 4π cm² | y
\frac{3}{4} | P(A \mid B) = \frac{3}{4} | y
\frac{3}{4} | \mathbb{P}(A) = \frac{3}{4} | y
\frac{3}{4} | \Pr\left(A\right) = \frac{1}{4} | n
P(x) = x^2 + 1 | x^2 + 1 | y
\frac{1}{2} | 1/2 cup | y
\$42 | 42 dollars | y
42 | \Rightarrow 42 | y
42 | ≈ 42 | y
42 | \neq 42 | n
42 | > 42 | n
42 | \le 42 | n
42 | x \mid 42 | n
42 | \{x \mid x > 42\} | n
42 | 1, 2, \ldots, 42 | n
42 | \begin{cases} x = 1 \\ y = 42 \end{cases} | n
42 | [1, 42 \text{ and } 7) | n
\frac{3}{4} | \neq \frac{3}{4} | n
\frac{3}{4} | \text{\frac{3}{4}} | y
\frac{3}{4} | \mathbf{\frac{3}{4}} | y
20000\pi | 20,000\pi | y
\frac{20000}{\pi} | \frac{20,000}{\pi} | y
1000\sqrt{2} | 1,000\sqrt{2} | y
1, 200\pi | 1, 200\pi | y
42 | \boxed{42} | y
42 | \fbox{42} | y
42 | \underline{42} | y
42 | \mathbf{42}. | y
42 | 42! | n
42 | 6 \cdot 7 | y
42 | 6 \times 7 | y
42 | 6*7 | y
42 | \left(42\right) | y
42 | 42\\ | y
42 | 42 \, | y
42 | \color{red}{42} | y
42 | \textcolor{red}{42} | y
42 | 42 \quad | y
42 | ４２ | y
42 | \bf{42} | y
42 | \Large 42 | y
42 | 41.999999 | n
42 | 42\text{.} | y
0 | -0 | y
0 | \emptyset | n
= roots, powers, constants
\sqrt{2} | 2^{1/2} | y
\sqrt{2} | \sqrt2 | y
\sqrt{2} | sqrt(2) | y
2\sqrt{3} | \sqrt{12} | y
2\sqrt{3} | 2 \cdot \sqrt{3} | y
2\sqrt{3} | 2*\sqrt{3} | y
2\sqrt{3} | 3\sqrt{2} | n
\sqrt[3]{2} | 2^{1/3} | y
\sqrt[3]{2} | \sqrt[3]2 | y
\sqrt[3]{2} | \sqrt[2]3 | n
abc | a \cdot b \cdot c | y
gh | g \times h | y
gh | g \cdot c | n
\binom{10}{3} | {10 \choose 3} | y
x \equiv 3 \pmod{7} | x \equiv 3 \pmod 7 | y
x \equiv 3 \pmod{7} | x \equiv 3 \pmod 5 | n
2\pi | 2π | y
2\pi | 6.283185 | y
2\pi | 6.28 | n
\pi r^2 | r^2 \pi | y
\frac{\pi}{2} | 90^\circ | n
e^{2} | e^2 | y
2^{10} | 1024 | y
10! | 3628800 | y
\binom{5}{2} | 10 | y
\infty | +\infty | y
\infty | -\infty | n
-\infty | \infty | n
\infty | ∞ | y
3+4i | 4i+3 | y
3+4i | 3-4i | n
i | -i | n
2^{-3} | \frac{1}{8} | y
2^{-3} | 2⁻³ | y
8 | 2³ | y
6 | √36 | y
2\sqrt{3} | 2√3 | y
1.5 | √2.25 | y
2.25 | √2.25 | n
\sqrt{x+1} | √(x+1) | y
\sqrt{x} + 1 | √(x+1) | n
3+4i | 3 + 4 i | y
3+4i | 3+4\mathrm{i} | y
3+4i | 3+7\mathrm{i} | n
3+4i | z = 3 + 4 i | y
\frac{3}{2}i | \frac{3i}{2} | y
\frac{3}{2}i | 1.5i | y
\frac{3}{2}i | -1.5i | n
\frac{1}{5}-\frac{2}{5}i | \frac{1-2i}{5} | y
\frac{1}{5}-\frac{2}{5}i | \frac{1+2i}{5} | n
-1+2i\sqrt{2} | -1+2\sqrt{2}\,i | y
-i | \frac{1}{i} | y
a+bi | bi + a | y
z=3+4i | 3+4i | y
z=3+4i | z = \frac{6+8i}{2} | y
z=3+4i | z = 3 - 4i | n
(1+i, 1-i) | (1+i,1-i) | y
|3+4i| | 5 | y
= expressions
x^2-1 | (x-1)(x+1) | y
x^2-1 | x^2 - 1 | y
x^2-1 | x^2+1 | n
x^2+2x+1 | (x+1)^2 | y
\frac{x+1}{x} | 1+\frac{1}{x} | y
2x+3y | 3y+2x | y
2x+3y | 2y+3x | n
a^2b | ba^2 | y
x^2-1 | x²−1 | y
x^2-1 | x³−1 | n
\sin^2 x + \cos^2 x | 1 | y
y = 2x + 3 | 2x + 3 | y
y = 2x + 3 | y = 3 + 2x | y
y = 2x + 3 | y - 2x = 3 | y
y=2x+3 | y=2x-3 | n
f(x)=x^2 | x^2 | y
n(n+1)/2 | \frac{n^2+n}{2} | y
3(x-2)(x+4) | 3x^2+6x-24 | y
k+37 | k + 37 | y
= sets, tuples, intervals
(1,2) | (1, 2) | y
(1,2) | \left(1,2\right) | y
(1,2) | \left( 1, \frac{4}{2} \right) | y
(1,2) | (2,1) | n
(1,2) | (1,3) | n
(1,2) | x=1, y=2 | y
x = 1, y = 2 | (1,2) | y
x = 1, y = 2 | (2,1) | n
x = 1, y = 2 | (x,y) = (2,1) | n
x = 1, y = 2 | y = 2, x = 1 | y
x = 1, y = 2 | x = 2, y = 1 | n
p = 2, q = 5 | 2, 5 | y
p = 2, q = 5 | 5, 2 | n
q = 5 \text{ and } p = 2 | (2, 5) | y
q = 5 \text{ and } p = 2 | (5, 2) | y
p = 2, q = \frac{1}{2} | \left(2, 0.5\right) | y
p = 2, q = 5 | (2, 5, 1) | n
x = 1, x = 2 | 2, 1 | y
(2,3), (3,2) | (x,y)=(2,3),(x,y)=(3,2) | y
(2,3), (3,2) | (x,y)=(2,3),(x,y)=(3,3) | n
(1,2) | \left\{\left(1,2\right)\right\} | y
(1,2) | \{(2,1)\} | n
\{(1,2)\} | (1,2) | y
\{1\} | 1 | y
1, 2 | {1, 2} | y
1, 2 | 1、2 | y
(1,2) | \bigl(1,2\bigr) | y
(1,2) | \text{(1, 2)} | y
(1,2) | {\bf (1,2)} | y
(1,2) | \color{red}{\left(1,2\right)} | y
(1,2) | \color{red}{(1,3)} | n
\{100,200\} | {100,200} | y
(1,2,3) | (1,2) | n
\{1,2,3\} | \{3,2,1\} | y
\{1,2,3\} | 1,2,3 | y
\{1,2,3\} | \{1,2\} | n
\{1,2,3\} | \{1,2,3,4\} | n
\{1,2\} | \lbrace 1,2 \rbrace | y
\{1,2\} | \left\{1,2\right\} | y
1,2 | 2,1 | y
1,2 | 1 and 2 | y
1,2 | 1 \text{ or } 2 | y
1,2 | x=1,2 | y
1,2 | x = 1, x = 2 | y
1,2 | x=1 \text{ or } x=2 | y
1,2 | 1 | n
1,2 | 1,2,3 | n
1,-1 | \pm 1 | y
\pm 2 | 2,-2 | y
\pm 2 | ±2 | y
\frac{-1+\sqrt{5}}{2}, \frac{-1-\sqrt{5}}{2} | \frac{-1\pm\sqrt{5}}{2} | y
\frac{-1\pm\sqrt{5}}{2} | x = -\frac{1}{2} \pm \frac{\sqrt{5}}{2} | y
\frac{-1\pm\sqrt{5}}{2} | \frac{-1+\sqrt{5}}{2} | n
\frac{-1\pm\sqrt{5}}{2} | \frac{1\pm\sqrt{5}}{2} | n
3 | \sqrt{9 \pmod{0}} | n
(1,2) | \langle 1, 2 \rangle | y
(1,2) | \left\langle 2, 1 \right\rangle | n
\langle \frac{1}{2}, 2 \rangle | \langle 0.5, 2 \rangle | y
3\mathbf{i}-2\mathbf{j} | -2\mathbf{j} + 3\mathbf{i} | y
3\mathbf{i}-2\mathbf{j} | 3\mathbf{i} + 2\mathbf{j} | n
\mathbb{R} \setminus \{2\} | \mathbb{R} \backslash \{2\} | y
[1,2] | [1, 2] | y
[1,2] | \left[1,2\right] | y
[1,2] | [1,2) | n
[1,2] | (1,2) | n
[1,2] | 1 \le x \le 2 | n
(-\infty,2] | x \in (-\infty,2] | y
(-\infty,2] | (-\infty, 2) | n
(-\infty, 1) \cup (2, \infty) | (-\infty,1)\cup(2,\infty) | y
(-\infty, 1) \cup (2, \infty) | (2,\infty)\cup(-\infty,1) | y
(-\infty, 1) \cup (2, \infty) | (-\infty,1) | n
(-\infty, 1) \cup (2, \infty) | (-∞,1)∪(2,∞) | y
x > 3 | x>3 | y
x > 3 | 3 < x | y
x > 3 | x \geq 3 | n
x > 3 | (3,\infty) | y
\{x \mid x > 3\} | \{ x : 3 < x \} | y
\{x \mid x > 3\} | x > 3 | y
\{x \mid x > 3\} | (3, \infty) | y
\{x \mid x > 3\} | \{x \mid x < 3\} | n
\{x \mid x > 3\} | 3 | n
\{x \mid -1 < x \le 2\} | \left\{x \in \mathbb{R} \mid -1 < x \leq 2\right\} | y
\{x \mid -1 < x \le 2\} | (-1, 2) | n
\begin{cases} x = 1 \\ y = 5 \end{cases} | \begin{cases}x=1 \\ y=5\end{cases} | y
\begin{cases} x = 1 \\ y = 5 \end{cases} | \begin{cases} x = 2 \\ y = 5 \end{cases} | n
\begin{cases} x = 1 \\ y = 5 \end{cases} | 5 | n
x = \frac{\pi}{4} + k\pi, k \in \mathbb{Z} | x=\dfrac{\pi}{4}+k\pi,\ k\in\mathbb{Z} | y
x = \frac{\pi}{4} + k\pi, k \in \mathbb{Z} | x=\frac{\pi}{3}+k\pi, k\in\mathbb{Z} | n
\emptyset | \varnothing | y
\emptyset | \{\} | y
\mathbb{R} | \mathbb{R} | y
\mathbb{R} | (-\infty,\infty) | y
= matrices
\begin{pmatrix}1&2\\3&4\end{pmatrix} | \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | y
\begin{pmatrix}1&2\\3&4\end{pmatrix} | \begin{bmatrix}1&2\\3&4\end{bmatrix} | y
\begin{pmatrix}1&2\\3&4\end{pmatrix} | \begin{pmatrix}1&3\\2&4\end{pmatrix} | n
\begin{pmatrix}1\\2\end{pmatrix} | \begin{pmatrix}1&2\end{pmatrix} | n
\begin{pmatrix}\frac{1}{2}\\2\end{pmatrix} | \begin{pmatrix}0.5\\2\end{pmatrix} | y
\begin{pmatrix}1\\2\end{pmatrix} | \begin{pmatrix}1\\[2pt]2\end{pmatrix} | y
= units, money, degrees, percent
90^\circ | 90 | y
90^\circ | 90^{\circ} | y
90^\circ | 90° | y
90 | 90^\circ | y
90 | 90° | y
90^\circ | 90 \text{ degrees} | y
90^\circ | 45^\circ | n
90^\circ | 90\degree | y
\$5 | 5 | y
\$5 | \$5.00 | y
\$5 | 5 \text{ dollars} | y
5 | \$5 | y
5 | $5 | y
5 | €5 | y
5 | £5 | y
5 | €6 | n
\$5 | \text{\$5.00} | y
5 \text{ cm} | 5 | y
5 \text{ cm} | 5\,\mathrm{cm} | y
5 \text{ cm}^2 | 5 \text{ cm}^2 | y
5 | 5 \text{ cm}^2 | y
5 | 5\,\mathrm{cm^2} | y
5 | 5 \text{ square feet} | y
5 | 5 square feet | y
5 | 5 cm² | y
\frac{22}{3} | \frac{22}{3} cm^2 | y
5 | 6 cm² | n
5m^2 | 5m² | y
2cm^2 | 2cm² | y
5 | 6 \text{ cm} | n
20\% | 20 | y
20\% | 0.2 | y
20\% | \frac{1}{5} | y
20\% | 2\% | n
20 | 20\% | y
12:30 | 12:30 | y
12:30 | 12:30 PM | y
12:30 | 4:10 | n
6:00 | 10:00 | n
6:00 | 06:00 \text{ a.m.} | y
7:05 | 7:05 | y
7:05 | 7:06 | n
8\!:\!34 \text{ p.m.} | 8:34 PM | y
8\!:\!34 \text{ p.m.} | 8:34 | y
8\!:\!34 \text{ p.m.} | 8:34 \text{ a.m.} | n
4:13 | 8:26 | y
1:2 | 2:4 | y
= words and letters
\text{even} | even | y
\text{even} | \text{even} | y
\text{even} | \text{odd} | n
\text{Monday} | Monday | y
\text{Monday} | \text{monday} | y
\text{June 5} | June 5 | y
\text{June 5} | June 6 | n
\text{2 1/2 hours} | 2 1/2 hours | y
\text{2 1/2 hours} | 21/2 hours | n
\text{3:30 PM} | 3:30\text{ pm} | y
\text{3:30 PM} | 3:30\text{ am} | n
\text{II and III} | II and III | y
\text{II and III} | I and III | n
\text{A, C} | A, C | y
\text{A, C} | A, D | n
A, C | \text{A, C} | y
A, C | \text{A, D} | n
II | \text{II} | y
W \text{ and } Z | \text{W and Z} | y
W \text{ and } Z | \text{W and X} | n
2\text{ hours } 30\text{ minutes} | 2 hours 30 minutes | y
2\text{ hours } 30\text{ minutes} | 2 hours 20 minutes | n
\frac{1}{23} \text{ ft} | \frac{12}{3} ft | n
3*4 \text{ ft} | 34 ft | n
\text{Yes} | Yes | y
\text{Yes} | \text{No} | n
\text{True} | \text{False} | n
\text{True} | true | y
\text{Alice} | Alice | y
\text{Alice} | Celia | n
\text{(A)} | A | y
\text{(A)} | \text{A} | y
\text{(A)} | (A) | y
\text{(A)} | \textbf{(A)} | y
\text{(A)} | B | n
\text{(A)} | \text{(B)} | n
A | \text{A} | y
A | \mathrm{A} | y
C | c | y
"""
ROWS = [tuple(line.split(" | ")) for line in ANSWERS.splitlines() if " | " in line]


def outcome(truth: Any, text: str, **options: Any) -> str:
    reward = WorkerSetup(plugins).build("reward", {"math": options}, "rewards.default")
    (verdict,) = asyncio.run(reward.score([Response(text, truth)]))
    return str(verdict.outcome.value)


@pytest.mark.parametrize(("truth", "answer", "right"), ROWS)
def test_an_answer_is_judged_as_a_person_does(truth: str, answer: str, right: str) -> None:
    said = outcome(truth, rf"Thus the answer is $\boxed{{{answer}}}$, as $x < 17$.")
    assert said == {"y": "correct", "n": "wrong"}[right]


BRACKETS = {
    "(1, 2)": [r"\bigl( 1, 2 \bigr)", r"\left(1,2\right)", r"\text{(1, 2)}", r"\lparen 1, 2 \rparen", "(x, y) = (1, 2)",
               r"(1,\,2)", "$(1, 2)$", r"\displaystyle (1, 2)", "(1, 2).", r"\mathbf{(1, 2)}", r"\Bigg(1, 2\Bigg)"],
    r"\{1, 2\}": [r"\lbrace 1, 2 \rbrace", r"\left\{1, 2\right\}", r"\bigl\{1, 2\bigr\}", r"\text{\{1, 2\}}",
                  r"\left\lbrace 1, 2\right\rbrace", r"S = \{1, 2\}"],
    "[1, 2]": [r"\lbrack 1, 2 \rbrack", r"\left[1, 2\right]", r"\bigl[1, 2\bigr]", r"\text{[1, 2]}", r"x \in [1, 2]"],
    "1, 2": [r"\text{1, 2}", r"1 \text{ and } 2", "1, 2.", "1,2"],
}  # fmt: skip


@pytest.mark.parametrize("truth", BRACKETS)
@pytest.mark.parametrize(("kind", "answers"), BRACKETS.items())
def test_brackets_are_the_same_however_they_are_spelled(truth: str, kind: str, answers: list[str]) -> None:
    expected = "correct" if truth == kind else "wrong"
    said = {one: outcome(truth, rf"\boxed{{{one}}}", brackets="same") for one in answers}
    assert said == dict.fromkeys(answers, expected)


@pytest.mark.parametrize("right", ["correct", "wrong"])
@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{ANSWER}", r"First \boxed{3}. No: \boxed{ANSWER}.", r"\boxed{\boxed{ANSWER}}",
        "\\[\n\\boxed{\nANSWER\n}\n\\]",
        r"$\boxed{ANSWER}$ $\boxed{ANSWER}$", r"**\boxed{ANSWER}**", r"\boxed{{ANSWER}}", r"\boxed{\text{ANSWER}}",
        r"\boxed{x = ANSWER}", r"$$x = \boxed{ANSWER}$$", r"\boxed{ANSWER \text{ cm}}",
        "<think>\\boxed{9}</think>\\boxed{ANSWER}",
        r"\boxed {ANSWER}", r"\boxed{\displaystyle ANSWER}", r"\boxed{ANSWER.}", r"\boxed{\,ANSWER\,}",
    ],
)  # fmt: skip
def test_the_last_whole_box_decides(text: str, right: str) -> None:
    assert outcome("42", text.replace("ANSWER", "42" if right == "correct" else "43")) == right


@pytest.mark.parametrize(
    "text",
    [r"\boxed{42", r"\boxed{4} then \boxed{\frac{42}{1}", r"\boxed 42", r"\fbox{42}", "42", "#### 42", r"\boxed{}",
     r"boxed{42}",
     r"\boxed{42\}", "The final answer is 42. I hope it is correct."],
)  # fmt: skip
def test_no_whole_box_is_no_answer(text: str) -> None:
    assert outcome("42", text) == "bad_format"


@pytest.mark.parametrize("take", ["last_box", "box_or_search"])
@pytest.mark.parametrize("end", ["", r"\%", "i"])
def test_an_answer_without_end_is_wrong(take: str, end: str) -> None:
    assert outcome("42", rf"\boxed{{5{'!' * 1000}{end}}}", take=take) == "wrong"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("He pays 3 * 14 = 42 dollars.\n#### 42", "correct"), ("#### 42.00", "correct"), ("#### $42", "correct"),
        ("The answer is 42%.", "correct"), ("It is 42 cm^2.", "correct"), ("The answer is -42.", "wrong"),
        ("The answer is \u221242.", "wrong"), ("From 0-42", "correct"), ("It is 4.2e1.", "correct"), ("42e1", "wrong"),
        (r"So \boxed{42", "correct"), ("42 of 43", "wrong"), ("forty-two", "bad_format"), ("84/2", "correct"),
    ],
)  # fmt: skip
def test_the_last_number_decides_where_it_may(text: str, said: str) -> None:
    assert outcome("42", text, take="box_or_number") == said
