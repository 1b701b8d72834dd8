"""Reward `math`: is the answer in the last `\\boxed{}` of a response equal to the ground truth?"""
